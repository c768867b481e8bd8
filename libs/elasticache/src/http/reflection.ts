import type { IncomingHttpHeaders } from 'node:http';

/** Fields that every client sends, with values that stand in many bodies. */
const ORDINARY =
  /^(?:accept(?:-.*)?|cache-control|connection|content-.*|date|dnt|expect|host|if-.*|keep-alive|pragma|priority|range|save-data|sec-.*|te|transfer-encoding|upgrade(?:-.*)?|via|x-forwarded-(?:port|proto))$/;
/** What such values are made of: nothing that a page could be broken with. */
const HARMLESS = /^[\w .,:;=*/+()?"-]*$/;

/** Fields that hosts are read from, and what one looks like: few letters lead elsewhere. */
const OF_HOSTS = /forward|proxy|-host|-server/;
const HOST = /^[\w-]+(?:\.[\w-]+)+$/;

/** Shorter words stand anywhere by chance: `node` is a user agent. */
const SHORTEST_WORD = 8;
const SHORTEST = 4;

/** What a response would be shared with. */
export interface Reflecting {
  readonly body: Buffer;
  /** Names and values, by turns: what the route set. */
  readonly fields: readonly string[];
}

/**
 * The name of a request field that no key tells apart, and that the response repeats: whoever sent it
 * would have others get it. Undefined where there is none.
 */
export function reflected(
  headers: IncomingHttpHeaders,
  keyed: readonly string[],
  response: Reflecting,
): string | undefined {
  const texts = lazily(() => [response.body, ...response.fields].map(comparable));
  return Object.keys(headers).find((name) => {
    if (keyed.includes(name) || name.startsWith(':')) return false; // HTTP/2's are the URL
    const isOrdinary = ORDINARY.test(name);
    const isSuspect = (value: string) => {
      if (!HARMLESS.test(value)) return value.length >= SHORTEST;
      const isHost = OF_HOSTS.test(name) && HOST.test(value);
      return !isOrdinary && value.length >= (isHost ? SHORTEST : SHORTEST_WORD);
    };
    return valuesOf(name, headers[name])
      .filter(isSuspect)
      .some((value) => isIn(texts(), value));
  });
}

/** The whole value, each in a list, since a proxy's lists have the client's own part in them, and the hosts among them. */
function valuesOf(name: string, field: string | readonly string[] | undefined): string[] {
  const lines = typeof field === 'string' ? [field] : (field ?? []);
  const values = lines.flatMap((line) =>
    /[,;]/.test(line) ? [line, ...line.split(/[,;]/)] : [line],
  );
  const hosts = OF_HOSTS.test(name) ? values.map(hostIn) : [];
  return [...values, ...hosts].map((value) => value.trim());
}

/** Of `host="example.com:80"`, a parameter of Forwarded, the name. (RFC 7239) */
function hostIn(value: string): string {
  return value
    .replace(/^\s*\w+=/, '')
    .replaceAll('"', '')
    .replace(/:\d+\s*$/, '');
}

/** As it is, as JSON has it, or as a URL has it; in whatever case, since parsers of URLs change that. */
function isIn(texts: readonly string[], value: string): boolean {
  const forms = new Set([value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)]);
  return [...forms].map(comparable).some((form) => texts.some((text) => text.includes(form)));
}

/** One character a byte, without regard to case. */
function comparable(text: string | Buffer): string {
  return (typeof text === 'string' ? Buffer.from(text) : text).toString('latin1').toLowerCase();
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
