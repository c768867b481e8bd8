import type { Identity } from './cache.context.js';

/**
 * Reads who is asking from a request, after the guards have let it pass. Undefined: nobody known.
 * Made by {@link entraIdentity} or {@link fromRequest}.
 */
export type IdentitySource = (request: unknown) => Identity | undefined;

/**
 * The claims of a Microsoft Entra token that a guard has verified and put on `request.user`: `tid` is
 * the tenant, `oid` the user, `roles` the roles. Nothing else of the request is looked at.
 * (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference)
 *
 * @example
 * ElastiCacheModule.forRoot({ tenancy: { required: true }, identity: entraIdentity() })
 */
export function entraIdentity(): IdentitySource {
  return (request) => {
    const { tid, oid, roles } = claimsOf(request);
    if (!isName(tid)) return undefined; // an `oid` means something within its tenant alone
    return {
      tenant: tid,
      ...(isName(oid) && { user: oid }),
      roles: Array.isArray(roles) ? roles.filter(isName) : [],
    };
  };
}

/**
 * Reads any other principal. Take it from what a guard has verified, such as `request.user`, never
 * from a header that anybody can send.
 *
 * @example
 * identity: fromRequest((request: { user?: Account }) => request.user && { tenant: request.user.organisation, user: request.user.id })
 */
// eslint-disable-next-line typescript/no-explicit-any -- which request it is, the platform says
export function fromRequest<R = any>(
  read: (request: R) => Identity | null | undefined,
): IdentitySource {
  return (request) => read(request as R) ?? undefined;
}

function claimsOf(request: unknown): Readonly<Record<string, unknown>> {
  const { user } = (request ?? {}) as { user?: unknown };
  return typeof user === 'object' && user !== null ? (user as Record<string, unknown>) : {};
}

function isName(claim: unknown): claim is string {
  return typeof claim === 'string' && claim !== '';
}
