import leven from 'leven';

import type { Fault } from '../errors/catalogue.js';

/** One option: what it accepts, and what the reference says of it. The tables below are its only definition. */
export interface OptionRule {
  readonly name: string;
  /** As the reference shows it. */
  readonly type: string;
  /** What holds where it is not given, as the reference shows it. */
  readonly fallback: string;
  readonly meaning: string;
  /** What is wrong with a value, or undefined. The values of secret options are never looked at for the message. */
  readonly wrong: (value: unknown) => string | undefined;
  /** The rules of the object that the option may be. */
  readonly nested?: readonly OptionRule[];
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return (
    isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object)
  );
}

export const must =
  (holds: (value: unknown) => boolean, expectation: string) =>
  (value: unknown): string | undefined =>
    holds(value) ? undefined : `must be ${expectation}; it is ${shown(value)}`;

export const secretMust =
  (holds: (value: unknown) => boolean, expectation: string) =>
  (value: unknown): string | undefined =>
    holds(value) ? undefined : `must be ${expectation}`;

export const isFunction = (value: unknown) => typeof value === 'function';
export const isBoolean = (value: unknown) => typeof value === 'boolean';
export const isText = (value: unknown) => typeof value === 'string' && value.length > 0;
export const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
export const isOneOf =
  (...values: readonly unknown[]) =>
  (value: unknown) =>
    values.includes(value);
export const either =
  (...checks: readonly ((value: unknown) => boolean)[]) =>
  (value: unknown) =>
    checks.some((check) => check(value));

/** Every fault of an object of options, unknown names included. An option given as undefined is one not given. */
export function faultsIn(options: unknown, rules: readonly OptionRule[], path = ''): Fault[] {
  if (!isObject(options)) {
    return [{ path: path || 'options', message: must(isObject, 'an object')(options)! }];
  }
  return Object.entries(options).flatMap(([name, value]) => {
    const at = path === '' ? name : `${path}.${name}`;
    const rule = rules.find((known) => known.name === name);
    if (rule === undefined) return [{ path: at, message: unknownOption(name, rules) }];
    if (value === undefined) return [];
    const message = rule.wrong(value);
    if (message !== undefined) return [{ path: at, message }];
    return rule.nested && isPlainObject(value) ? faultsIn(value, rule.nested, at) : [];
  });
}

function unknownOption(name: string, rules: readonly OptionRule[]): string {
  const names = rules.map((rule) => rule.name);
  const nearest = names.toSorted((a, b) => leven(a, name) - leven(b, name))[0]!;
  const isNear = leven(nearest, name) <= Math.max(2, name.length / 3);
  return `is not an option${isNear ? `; did you mean '${nearest}'?` : `; there are: ${names.join(', ')}`}`;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 50)}'`;
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
