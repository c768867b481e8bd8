import { encodeSegment } from './key.encoding.js';

/** Whose entries a cache keeps apart: nobody's, each tenant's, or each user's (of each tenant, where there are tenants). */
export type ScopeKind = 'global' | 'tenant' | 'user';

/** Whom entries belong to. */
export interface Scope {
  readonly tenant?: string;
  readonly user?: string;
}

/** The scope that belongs to everybody; no tenant can be named so, as a tenant's begins with `t=`. */
export const GLOBAL = 'global';

/** The scope as a segment of a key: `global`, `t=acme`, `u=7`, or `t=acme,u=7`; whatever the names hold, each scope has its own. */
export function scopeSegment({ tenant, user }: Scope): string {
  const parts = [
    ...(tenant === undefined ? [] : [`t=${encodePart(tenant)}`]),
    ...(user === undefined ? [] : [`u=${encodePart(user)}`]),
  ];
  return parts.length === 0 ? GLOBAL : parts.join(',');
}

function encodePart(name: string): string {
  return encodeSegment(name).replaceAll(',', '%2C').replaceAll('=', '%3D');
}
