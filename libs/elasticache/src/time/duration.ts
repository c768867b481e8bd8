import ms, { type StringValue } from 'ms';

/** A number of milliseconds, or text in the grammar of the `ms` package: `'250ms'`, `'60s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | string;

/** The duration in milliseconds, or undefined where it is not one: zero, negative, not finite, unparsable. */
export function parseDuration(duration: unknown): number | undefined {
  const value = typeof duration === 'string' ? parseText(duration) : duration;
  return typeof value === 'number' && value > 0 && value <= Number.MAX_SAFE_INTEGER
    ? value
    : undefined;
}

export function isDuration(value: unknown): value is Duration {
  return parseDuration(value) !== undefined;
}

/** What a duration has to be, for messages. */
export const aDuration =
  "a positive duration: milliseconds, or text such as '250ms', '60s', '5m', '1h'";

function parseText(text: string): number | undefined {
  return text.length > 0 && text.length <= 100 ? ms(text as StringValue) : undefined;
}
