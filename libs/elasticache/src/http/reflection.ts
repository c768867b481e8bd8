import type { IncomingHttpHeaders } from 'node:http';

/** Fields that every client sends, with values that stand in many bodies. */
const ORDINARY =
  /^(?:accept(?:-.*)?|cache-control|connection|content-.*|date|dnt|expect|host|if-.*|keep-alive|pragma|priority|range|save-data|sec-.*|te|transfer-encoding|upgrade(?:-.*)?|via|x-forwarded-(?:port|proto))$/;
/** What such values are made of: nothing that a page could be broken with. */
const HARMLESS = /^[\w .,:;=*/+()?"-]*$/;

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
  return Object.keys(headers).find((name) => {
    const values = keyed.includes(name) ? [] : valuesOf(headers[name]);
    const isSuspect = (value: string) =>
      HARMLESS.test(value)
        ? value.length >= SHORTEST_WORD && !ORDINARY.test(name)
        : value.length >= SHORTEST;
    return values.filter(isSuspect).some((value) => isRepeated(value, response));
  });
}

/** The whole value, and each in a list: a proxy's lists have the client's own part in them. */
function valuesOf(field: string | readonly string[] | undefined): string[] {
  const lines = typeof field === 'string' ? [field] : (field ?? []);
  return lines
    .flatMap((line) => (line.includes(',') ? [line, ...line.split(',')] : [line]))
    .map((value) => value.trim());
}

/** As it is, or as JSON has it. */
function isRepeated(value: string, { body, fields }: Reflecting): boolean {
  const escaped = JSON.stringify(value).slice(1, -1);
  return (
    body.includes(value) ||
    (escaped !== value && body.includes(escaped)) ||
    fields.some((field) => field.includes(value))
  );
}
