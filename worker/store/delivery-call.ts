/** Calls to a delivery object, which may hang on a destination: whoever asks has something else to answer with. */

/** What it answered; null where it is away or did not answer within `limitMs`. Asked once. */
export async function askDelivery<T>(call: () => Promise<T>, limitMs: number): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeUp = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  try {
    return await Promise.race([call(), timeUp]);
  } catch (error) {
    console.warn({ message: 'the delivery of alerts did not answer', error: String(error) });
    return null;
  } finally {
    clearTimeout(timer);
  }
}
