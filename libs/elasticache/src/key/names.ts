import { encodeSegment } from './key.encoding.js';
import type { KeySecret } from './key.secret.js';
import { GLOBAL, type Scope, scopeSegment } from './scope.js';
import { tagName } from './tag.names.js';

/** How scopes, keys and tags are called outside of this process. */
export interface Names {
  scope(scope: Scope): string;
  /** Of an encoded key; where that is its own name, undefined. */
  keysIn(place: { readonly cache: string; readonly scope: string }): KeyNaming | undefined;
  /** The tags themselves, whatever their scope. */
  tags(tags: readonly string[]): readonly string[];
  tagsIn(scope: string): TagNaming;
}

/** Makes the name of an encoded key. */
export type KeyNaming = (text: string) => string;

/** Makes the names, within the library and in what is stored, of tags that the application names. */
export type TagNaming = (tags: readonly string[]) => readonly string[];

/** In the global scope a tag is its own name, unless it looks like one of another scope. */
export const globalTags: TagNaming = (tags) =>
  tags.every(isOwnName) ? tags : tags.map((tag) => tagName(tag, GLOBAL));

function isOwnName(tag: string): boolean {
  return tagName(tag, GLOBAL) === tag;
}

/** Everything is called by its own name. */
export const plainNames: Names = {
  scope: scopeSegment,
  keysIn: () => undefined,
  tags: (tags) => tags,
  tagsIn: (scope) =>
    scope === GLOBAL ? globalTags : (tags) => tags.map((tag) => tagName(tag, scope)),
};

/** Everything is called by what a secret makes of it. The kind of scope can be told, and how many there are. */
export function secretNames(secret: KeySecret): Names {
  const tags: TagNaming = (plain) => plain.map((tag) => secret.nameOf('tag', tag));
  return {
    scope(of) {
      // Encoded without loss: HMAC takes UTF-8, in which all lone surrogates are one.
      const [tenant, user] = [of.tenant, of.user].map((name) => name && encodeSegment(name));
      return scopeSegment({
        ...(tenant !== undefined && { tenant: secret.nameOf('tenant', tenant) }),
        ...(user !== undefined && { user: secret.nameOf('user', tenant ?? '', user) }),
      });
    },
    keysIn: ({ cache, scope }) => {
      const place = encodeSegment(cache);
      return (text) => secret.nameOf('key', place, scope, text);
    },
    tags,
    tagsIn: (scope) => (plain) => tags(plain).map((tag) => tagName(tag, scope)),
  };
}
