import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startProxy, type TcpProxy } from './tcp.proxy.js';

describe('a TCP proxy', () => {
  let echo: Server;
  let proxy: TcpProxy;
  let client: Socket;

  const text = async (socket: Socket) => String((await once(socket, 'data'))[0]);

  beforeEach(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => {}).pipe(socket);
      socket.on('data', () => echo.emit('echoed'));
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await startProxy({ port: (echo.address() as AddressInfo).port });
    client = connect(proxy.port, '127.0.0.1');
    await once(client, 'connect');
  });

  afterEach(async () => {
    client.destroy();
    await proxy.stop();
    echo.close();
  });

  it('passes bytes both ways', async () => {
    client.write('hello');
    expect(await text(client)).toBe('hello');
  });

  it('holds everything back while it hangs, new connections included, and loses nothing', async () => {
    client.write('before');
    expect(await text(client)).toBe('before');
    const order: string[] = [];
    proxy.hang();
    const second = connect(proxy.port, '127.0.0.1');
    await once(second, 'connect');
    const answers = [client, second].map(async (socket) => {
      socket.write('held');
      order.push(await text(socket));
    });
    // A whole exchange past the proxy: had the proxy passed its bytes on, they would be here by now.
    const direct = connect((echo.address() as AddressInfo).port, '127.0.0.1');
    direct.end('direct');
    order.push(await text(direct));
    proxy.resume();
    await Promise.all(answers);
    second.destroy();

    expect(order).toEqual(['direct', 'held', 'held']);
  });

  it('cuts what is open and accepts anew', async () => {
    const failure = once(client, 'error');
    proxy.cut();
    expect(await failure).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);

    const next = connect(proxy.port, '127.0.0.1');
    next.write('again');
    expect(await text(next)).toBe('again');
    next.destroy();
  });

  it('changes, delays and loses what it is asked to, and keeps the order', async () => {
    proxy.spoil((chunk, { to }) =>
      to === 'server' ? { arrives: chunk } : { arrives: Buffer.from('late'), afterMs: 20 },
    );
    let all = '';
    client.on('data', (chunk) => (all += String(chunk)));
    client.write('first');
    await once(client, 'data');
    proxy.spoil((chunk, { to }) => ({ arrives: chunk, afterMs: to === 'client' ? 20 : 0 }));
    client.write('second');
    await once(echo, 'echoed');
    // On its way: what comes now must not overtake it.
    proxy.spoil();
    client.write('third');
    while (!all.includes('third')) await once(client, 'data');
    expect(all).toBe('latesecondthird');

    proxy.spoil(() => ({ then: 'silence' }));
    client.write('lost');
    const next = connect(proxy.port, '127.0.0.1');
    await once(next, 'connect');
    proxy.spoil();
    client.write('lost, too');
    next.write('passes');
    expect(await text(next)).toBe('passes');
    expect(all).not.toContain('lost');
    next.destroy();
  });

  it('breaks a chunk off with its connection', async () => {
    proxy.spoil((chunk, { to }) =>
      to === 'server' ? { arrives: chunk } : { arrives: chunk.subarray(0, 4), then: 'reset' },
    );
    // How it ends is a matter of what was read by then; that it does is not.
    client.on('error', () => {});
    const closed = new Promise((resolve) => client.once('close', resolve));
    client.write('a whole sentence');
    expect(await text(client)).toBe('a wh');
    await closed;
  });
});
