/** A gateway that knows its own address, and what people see and post behind its links. */
import { env } from 'cloudflare:workers';
import { signText } from '../../durable-objects/ledger/sealed.ts';
import type { AlertLink } from '../../worker/auth/alert-link.ts';
import type { Env } from '../../worker/bindings.ts';
import { type DeliveryLine, deliveryLine } from '../routes/admin/delivery-line.ts';
import { type Gateway, gateway, streamedAnswer, streamOf } from '../turn/gateway.ts';

export const PUBLIC_URL = 'https://bursar.example';

export interface Page {
  status: number;
  headers: Headers;
  text: string;
}

export interface LinkTeam extends Gateway {
  line: DeliveryLine;
  see(path: string, method?: string): Promise<Page>;
  /** Posts a page's form. */
  post(path: string, fields?: Record<string, string>): Promise<Page>;
  /** A JSON answer of the admin API. */
  admin(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  /** The address of a link as an alert has it. */
  link(changes: Partial<AlertLink> & Pick<AlertLink, 'action'>): Promise<string>;
}

let links = 0;

export async function linkTeam(policy: object | null, overrides: Partial<Env> = {}): Promise<LinkTeam> {
  const line = deliveryLine();
  const upstream = () => streamOf(streamedAnswer());
  const bursar = await gateway(policy, upstream, { ALERTS: line.ALERTS, PUBLIC_URL, ...overrides });
  const pageOf = async (response: Response): Promise<Page> => ({
    status: response.status,
    headers: response.headers,
    text: await response.text(),
  });
  return {
    ...bursar,
    line,
    see: async (path, method = 'GET') => await pageOf(await bursar.call(path, { method })),
    post: async (path, fields = {}) =>
      await pageOf(await bursar.call(path, { method: 'POST', body: new URLSearchParams(fields) })),
    admin: async (method, path, body) => {
      const headers = new Headers({ authorization: `Bearer ${env.ADMIN_TOKEN}` });
      if (body) headers.set('content-type', 'application/json');
      const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
      return Object(await (await bursar.call(`/admin/v1${path}`, init)).json());
    },
    link: async (changes) => {
      links += 1;
      const payload = {
        id: `event-${links}-${changes.action}`,
        event: `event-${links}`,
        cost_center: bursar.costCenter,
        budget: 'team-day',
        subject: bursar.costCenter,
        request: null,
        expires: Math.floor(Date.now() / 1_000) + 3_600,
        ...changes,
      };
      const secret = { generation: 1, secret: env.KEY_SECRETS.slice(2) };
      return `/alerts/act/${await signText(JSON.stringify(payload), 'alert-link', secret)}`;
    },
  };
}
