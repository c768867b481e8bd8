import { GLOBAL } from './scope.js';

/*
 * Tags of different scopes have nothing to do with each other, and stand side by side: an entry of a
 * tenant may be made of one that belongs to everybody, and bears the tags of both. So within the
 * library, and in what is stored, the name of a tag says its scope. A tag of the global scope is its
 * own name, unless it begins as those of the others do.
 */
const MARK = '\0';

/** What may stand as a scope in a key: names come out of Redis, too, and there from anybody. */
const SCOPE = /^\0([tu]=[^:{}*?[\]\\\s\p{Cc}]+)?:/u;

/** The name, within the library, of a tag of a scope. */
export function tagName(tag: string, scope: string): string {
  if (scope !== GLOBAL) return `${MARK}${scope}:${tag}`;
  return tag.startsWith(MARK) ? `${MARK}:${tag}` : tag;
}

/** What {@link tagName} was made of; what it cannot have made is a tag of everybody's. */
export function scopeOfTag(name: string): { readonly scope: string; readonly tag: string } {
  const found = name.startsWith(MARK) ? SCOPE.exec(name) : null;
  if (found === null) return { scope: GLOBAL, tag: name };
  return { scope: found[1] ?? GLOBAL, tag: name.slice(found[0].length) };
}

/** The tag as the application knows it. */
export function plainTag(name: string): string {
  return scopeOfTag(name).tag;
}
