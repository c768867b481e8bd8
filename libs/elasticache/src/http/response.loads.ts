import { HttpException, StreamableFile } from '@nestjs/common';
import type { CallHandler } from '@nestjs/common';
import { Observable } from 'rxjs';

import type { Flight, Loaded } from '../cache/flight.js';
import type { NamedCache } from '../cache/named.cache.js';
import { type Captured, DetachedResponse, type Start } from './detached.response.js';
import type { Exchange } from './exchange.js';

/** What was seen on the way from the handler to the response. */
export interface Passage {
  /** What the handler, or the interceptors within, emitted. */
  readonly emitted: readonly unknown[];
  /** Something was thrown that is no answer: no `HttpException`. */
  readonly isBroken: boolean;
}

export interface LoadEnds {
  /** The whole response, before anybody has it. */
  captured(response: Captured, passage: Passage): void;
  /** There will be none to be kept. */
  lost(why: 'streamed' | 'left'): void;
}

export interface HandlerRun {
  readonly exchange: Exchange;
  readonly next: CallHandler;
  readonly cache: NamedCache;
  /** The encoded key. */
  readonly text: string;
  /** The load that it is, where others may wait for it. */
  readonly flight: Flight | undefined;
  readonly start: Start;
  /** The client has an answer already. */
  readonly isAnswered: boolean;
  /** Answers as Nest does; undefined where interceptors of others have a say in that. */
  readonly reply: ((body: unknown) => unknown) | undefined;
}

/**
 * Runs the rest of the request with a response that is written to nobody, and tells what came of it.
 * What is to be streamed goes to the client as if nothing had been there.
 */
export function runDetached(run: HandlerRun, ends: LoadEnds): Observable<unknown> {
  const { exchange, start, isAnswered } = run;
  const { response } = exchange;
  const passage = { emitted: [] as unknown[], isBroken: false };
  const left = () => ends.lost('left');
  const streamed = () => {
    response.off('close', left);
    ends.lost('streamed');
  };
  const captured = (whole: Captured) => {
    response.off('close', left);
    ends.captured(whole, passage);
  };
  const detached = new DetachedResponse(exchange, start, { isAnswered, captured, streamed });
  if (!isAnswered) response.once('close', left);
  return new Observable((subscriber) => {
    const load = () =>
      new Promise<Loaded>((resolve, reject) => {
        const loaded = () => resolve({ value: undefined });
        let isOver = false;
        let isDeserted = false;
        const handled = run.next.handle().subscribe({
          next: (value) => {
            if (!isStream(value)) passage.emitted.push(value);
            else {
              streamed();
              detached.release();
            }
            subscriber.next(value);
          },
          error: (error: unknown) => {
            isOver = true;
            if (isDeserted) streamed();
            reject(error);
          },
          complete: () => {
            isOver = true;
            loaded();
            if (isDeserted) run.reply?.(passage.emitted.at(-1));
            else subscriber.complete();
          },
        });
        // Nest gives up an Observable whose client has left: who renews for others goes on.
        subscriber.add(() => {
          isDeserted = !isOver && isAnswered && run.reply !== undefined;
          if (isDeserted) return;
          handled.unsubscribe();
          loaded();
        });
      });
    run.cache.loads.run(run.text, load, run.flight).catch((error: unknown) => {
      passage.isBroken = !(error instanceof HttpException);
      subscriber.error(error);
    });
  });
}

/** What Nest sends as it is produced: nothing that could be kept. */
function isStream(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof StreamableFile || value instanceof globalThis.Response) return true;
  const { pipe, getReader } = value as { pipe?: unknown; getReader?: unknown };
  if (typeof pipe === 'function' || typeof getReader === 'function') return true;
  return Symbol.asyncIterator in value;
}
