/** A message's content as blocks: text, and images that come with the request. Nothing is ever fetched. */
import { isGiven, nameAt, objectAt, textAt, WrongField } from './field.ts';
import type { ImageBlock, TextBlock } from './messages-body.ts';

/** By the names clients give them. */
const MEDIA_TYPES: ReadonlyMap<string, string> = new Map([
  ['image/jpeg', 'image/jpeg'],
  ['image/jpg', 'image/jpeg'],
  ['image/png', 'image/png'],
  ['image/gif', 'image/gif'],
  ['image/webp', 'image/webp'],
]);

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** The longest media type with its parameters that a data URL is searched for. */
const MAX_PREAMBLE = 200;

const REFUSED: ReadonlyMap<string, string> = new Map([
  ['input_audio', 'audio is not understood by these models; send its transcript as text'],
  ['file', 'files are not taken in this dialect; send their text, or use /v1/messages with a document'],
]);

/** Text as it is, or parts; nothing of it that is empty, which the API would refuse. */
export function readContent(content: unknown, path: string): (TextBlock | ImageBlock)[] {
  if (!isGiven(content)) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw new WrongField(path, 'expected text or a list of parts');
  return content.flatMap((part, index) => readPart(part, `${path}[${index}]`));
}

/** The same where there can be only text: system messages and the model's own words. */
export function readText(content: unknown, path: string): TextBlock[] {
  return readContent(content, path).map((block) => {
    if (block.type !== 'text') throw new WrongField(path, 'expected text: images go into user messages');
    return block;
  });
}

function readPart(value: unknown, path: string): (TextBlock | ImageBlock)[] {
  const part = objectAt(value, path);
  const type = nameAt(part.type, `${path}.type`);
  const marker = isGiven(part.cache_control) ? { cache_control: part.cache_control } : {};
  switch (type) {
    case 'text':
    case 'refusal': {
      const text = textAt(part[type], `${path}.${type}`);
      return text === '' ? [] : [{ type: 'text', text, ...marker }];
    }
    case 'image_url': {
      const { url } = objectAt(part.image_url, `${path}.image_url`);
      return [{ ...readImage(url, `${path}.image_url.url`), ...marker }];
    }
    default:
      throw new WrongField(
        `${path}.type`,
        REFUSED.get(type) ?? `expected text or image_url, got "${type.slice(0, 40)}"`,
      );
  }
}

function readImage(value: unknown, path: string): ImageBlock {
  const url = textAt(value, path);
  if (!/^data:/i.test(url)) {
    throw new WrongField(
      path,
      'expected a data: URL with the image in base64; an image elsewhere is not fetched',
    );
  }
  const comma = url.slice(0, MAX_PREAMBLE).indexOf(',');
  const [mediaType = '', ...parameters] = url.slice('data:'.length, comma).toLowerCase().split(';');
  if (comma === -1 || parameters.at(-1) !== 'base64') {
    throw new WrongField(path, 'expected data:<media type>;base64,<data>');
  }
  const known = MEDIA_TYPES.get(mediaType);
  if (known === undefined) {
    throw new WrongField(path, 'expected an image/jpeg, image/png, image/gif or image/webp');
  }
  const data = url.slice(comma + 1);
  if (data.length % 4 !== 0 || !BASE64.test(data)) {
    throw new WrongField(path, 'expected base64 after the comma: A-Z a-z 0-9 + /, padded with = to fours');
  }
  return { type: 'image', source: { type: 'base64', media_type: known, data } };
}
