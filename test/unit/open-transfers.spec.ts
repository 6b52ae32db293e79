import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OpenTransfers } from '../../src/modules/downloads/transfers/open-transfers.js';

/** Real: HTTP on a socket. */
describe('what a process sends', () => {
  let server: Server;
  let transfers: OpenTransfers;

  beforeEach(async () => {
    transfers = new OpenTransfers();
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    vi.useRealTimers();
    server.closeAllConnections();
    server.close();
  });

  interface Transfer {
    readonly response: ServerResponse;
    readonly client: IncomingMessage;
    /** How it ended for the client. */
    readonly outcome: Promise<'whole' | 'cut'>;
  }
  const begin = async (id: string): Promise<Transfer> => {
    const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const answered = once(get({ port: (server.address() as AddressInfo).port, agent: false }), 'response');
    const [, response] = await asked;
    transfers.add(id, response);
    response.writeHead(200, { 'Content-Length': 10 }).write('12345');
    const [client] = (await answered) as [IncomingMessage];
    client.on('error', () => undefined);
    const closed = once(client.resume(), 'close').catch(() => undefined);
    return { response, client, outcome: closed.then(() => (client.complete ? 'whole' : 'cut')) };
  };

  it('all of one download are cut, and no other', async () => {
    const [one, two, other] = [await begin('a'), await begin('a'), await begin('b')];
    expect(transfers.cut('a')).toBe(2);
    expect(await Promise.all([one.outcome, two.outcome])).toEqual(['cut', 'cut']);
    expect(transfers.downloads()).toEqual(['b']);
    other.response.end('67890');
    expect(await other.outcome).toBe('whole');
  });

  it('twice, or of nobody: none', async () => {
    await begin('a');
    expect([transfers.cut('a'), transfers.cut('a'), transfers.cut('b')]).toEqual([1, 0, 0]);
  });

  it('nothing is kept of what has ended, however it ended', async () => {
    const [whole, gone, cut, broken] = [
      await begin('whole'),
      await begin('gone'),
      await begin('cut'),
      await begin('broken'),
    ];
    expect(transfers.downloads()).toHaveLength(4);
    const closed = Promise.all([whole, gone, cut, broken].map(({ response }) => once(response, 'close')));
    whole.response.end('67890');
    gone.client.destroy();
    transfers.cut('cut');
    broken.response.destroy(new Error('a store that fails'));
    await closed;
    expect(transfers.downloads()).toEqual([]);
    // One that has gone before it was added.
    transfers.add('whole', whole.response);
    transfers.add('gone', gone.response);
    expect(transfers.downloads()).toEqual([]);
  });

  it('one whose admission came before the end, and who comes here after it, is cut as well', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    expect(transfers.cut('a')).toBe(0);
    vi.advanceTimersByTime(4_900);
    const asked = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const request = get({ port: (server.address() as AddressInfo).port, agent: false });
    const failed = once(request, 'error');
    const [, late] = await asked;
    transfers.add('a', late);
    expect(late.destroyed).toBe(true);
    await failed;
    await vi.waitFor(() => {
      expect(transfers.downloads()).toEqual([]);
    });
    // An end is not remembered for ever.
    vi.advanceTimersByTime(200);
    expect((await begin('a')).response.destroyed).toBe(false);
  });
});
