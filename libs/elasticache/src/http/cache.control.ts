/** The directives of a Cache-Control field, by their names in lower case. */
export type Directives = ReadonlyMap<string, readonly (string | undefined)[]>;

/** What RFC 9111 has a recipient take for infinity, in seconds. */
const MOST_SECONDS = 2 ** 31;

/** One directive, or what cannot be one up to the next comma. (RFC 9111 §5.2, RFC 9110 §5.6) */
const DIRECTIVE =
  /\s*(?:([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?\s*(?=,|$)|([^,]*))(?:,|$)/gsy;

const NONE: Directives = new Map();

/** Reads a field, all its lines together. What cannot be read is kept under its name, with a value that is none. */
export function directivesOf(field: FieldValue): Directives {
  const text = joined(field);
  if (text === undefined || text === '') return NONE;
  const directives = new Map<string, (string | undefined)[]>();
  DIRECTIVE.lastIndex = 0;
  while (DIRECTIVE.lastIndex < text.length) {
    const [, name, quoted, plain, broken = ''] = DIRECTIVE.exec(text)!;
    const called = (name ?? /^[^\s=]*/.exec(broken)![0]).toLowerCase();
    if (called === '') continue;
    const value = name === undefined ? '' : (quoted?.replace(/\\(.)/gs, '$1') ?? plain);
    const known = directives.get(called);
    if (known === undefined) directives.set(called, [value]);
    else known.push(value);
  }
  return directives;
}

/** A field's value as Node has it: one line, or several. */
export type FieldValue = string | number | readonly string[] | undefined;

/** All lines of a field as one, as RFC 9110 §5.3 has it. */
export function joined(field: FieldValue): string | undefined {
  if (field === undefined || typeof field === 'string') return field;
  return typeof field === 'number' ? String(field) : field.join(', ');
}

/**
 * The seconds that a directive gives: undefined where it is not there, 0 where it is malformed or
 * contradicts itself, since such a response counts as stale. (RFC 9111 §4.2.1)
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const values = directives.get(name);
  if (values === undefined) return undefined;
  const [first] = values;
  if (values.some((value) => value !== first)) return 0;
  return deltaSeconds(first) ?? 0;
}

/** RFC 9111 §1.2.2: digits alone; what is too large is 2^31. */
export function deltaSeconds(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  return Math.min(Number(text), MOST_SECONDS);
}

/** A date in one of the three formats of RFC 9110 §5.6.7, in milliseconds; undefined for anything else. */
export function httpDate(text: string | undefined): number | undefined {
  if (text === undefined || !HTTP_DATE.test(text)) return undefined;
  // asctime() says nothing of a zone: it is UTC.
  const time = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(time) ? undefined : time;
}

const HTTP_DATE =
  /^(?:\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT|\w{6,9}, \d{2}-\w{3}-\d{2} \d{2}:\d{2}:\d{2} GMT|\w{3} \w{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})$/;
