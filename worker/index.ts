export { Wallet } from '../durable-objects/wallet/wallet.ts';

export default {
  async fetch(): Promise<Response> {
    return new Response('ok');
  },
} satisfies ExportedHandler;
