import { STATUS_CODES } from 'node:http';

import { type Account, type Answer, sendStored } from './answer.js';
import { appended, cacheStatus } from './cache.status.js';
import { joined } from './cache.control.js';
import { type Captured, copyFields } from './detached.response.js';
import type { Exchange } from './exchange.js';
import { namesIn } from './storability.js';

export interface Sending {
  readonly account: Account;
  /** What was stored of it. */
  readonly stored: Answer | undefined;
  readonly now: number;
  /** Names of request fields that the route declares it depends on. */
  readonly vary: readonly string[];
}

/** Sends a response that was made for this client: as the entry it has become, else as it came. */
export function sendCaptured(exchange: Exchange, captured: Captured, sending: Sending): void {
  const { stored, account, now } = sending;
  const { response } = exchange;
  if (stored !== undefined && captured.unhooked === undefined) {
    const others = new Map([...captured.fields].filter(([name]) => name !== 'content-length'));
    copyFields(others, response);
    return sendStored(exchange, stored, { account, now, isDetached: true });
  }
  response.statusCode = captured.status;
  const fields = new Map(captured.fields);
  const [, own = []] = stored?.stored ?? [];
  for (let i = 0; i < own.length; i += 2)
    if (!fields.has(own[i]!)) fields.set(own[i]!, own[i + 1]!);
  const vary = [...new Set([...namesIn(fields.get('vary')), ...sending.vary])];
  if (vary.length > 0) fields.set('vary', vary.join(', '));
  const relayed = joined(captured.fields.get('cache-status'));
  fields.set('cache-status', appended(relayed, cacheStatus(account.handling)));
  fields.set('x-cache', account.verdict);
  copyFields(fields, response);
  sendAsItCame(exchange, captured);
}

function sendAsItCame(exchange: Exchange, { status, body }: Captured): void {
  const { response, platform } = exchange;
  // What Express does with what is not ours to judge: `fresh` looks at the client's response.
  if (exchange.reply === undefined && (platform as { fresh?: boolean }).fresh) {
    response.statusCode = 304;
    response.statusMessage = STATUS_CODES[304]!;
    for (const name of ['content-type', 'content-length', 'transfer-encoding']) {
      response.removeHeader(name);
    }
    response.end();
    return;
  }
  const isEmpty = body.length === 0 || exchange.method === 'HEAD' || status === 204;
  if (isEmpty) response.end();
  else response.end(body);
}
