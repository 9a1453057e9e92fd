/**
 * The least a Worker in between can do: pass the request on and the answer back. What it costs is the floor
 * that Bursar is compared with. Runs inside workerd.
 */
interface BareEnv {
  UPSTREAM: string;
}

export default {
  fetch(request: Request, env: BareEnv): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    return fetch(`${env.UPSTREAM}${pathname}${search}`, request);
  },
};
