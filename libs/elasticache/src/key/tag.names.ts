import { GLOBAL } from './scope.js';

/*
 * Tags of different scopes have nothing to do with each other, and stand side by side: an entry of a
 * tenant may be made of one that belongs to everybody, and bears the tags of both. So within the
 * library, and in what is stored, the name of a tag says its scope. A tag of the global scope is its
 * own name, unless it begins as those of the others do.
 */
const MARK = '\0';

/** The name, within the library, of a tag of a scope. */
export function tagName(tag: string, scope: string): string {
  if (scope !== GLOBAL) return `${MARK}${scope}:${tag}`;
  return tag.startsWith(MARK) ? `${MARK}:${tag}` : tag;
}

/** What {@link tagName} was made of. */
export function scopeOfTag(name: string): { readonly scope: string; readonly tag: string } {
  if (!name.startsWith(MARK)) return { scope: GLOBAL, tag: name };
  const end = name.indexOf(':'); // no scope has one
  return { scope: name.slice(MARK.length, end) || GLOBAL, tag: name.slice(end + 1) };
}

/** The tag as the application knows it. */
export function plainTag(name: string): string {
  return scopeOfTag(name).tag;
}
