import { ForbiddenException, Injectable, UnauthorizedException } from '@nestjs/common';
import { eq } from 'drizzle-orm';
import {
  createLocalJWKSet,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose';
import { isPassword } from '../database/password.js';
import { organisations, users } from '../database/schema.js';
import { UnitOfWork } from '../database/unit-of-work.js';

const ALGORITHM = 'ES256';
const KEY_ID = 'demo';
const ISSUER = 'nestjs-elasticache-demo';
const LIFE = '1h';

/** The claims of a token, called as Microsoft Entra calls them. */
export interface Claims extends JWTPayload {
  readonly tid: string;
  readonly oid: string;
  readonly roles: readonly string[];
}

/**
 * Issues tokens and verifies them, with a key set made at the start: those of an earlier start are
 * refused. An application of yours has its tokens from Entra, and its key set from there:
 * `createRemoteJWKSet(new URL('https://login.microsoftonline.com/<tenant>/discovery/v2.0/keys'))`.
 */
@Injectable()
export class TokensService {
  private readonly keys = makeKeys();

  constructor(private readonly unit: UnitOfWork) {}

  async issue(email: string, password: string): Promise<string> {
    const [user] = await this.unit.db
      .select({
        id: users.id,
        passwordHash: users.passwordHash,
        role: users.role,
        tenantId: organisations.tenantId,
      })
      .from(users)
      .leftJoin(organisations, eq(organisations.id, users.organisationId))
      .where(eq(users.email, email));
    if (!user || !isPassword(password, user.passwordHash)) throw new UnauthorizedException();
    if (user.tenantId === null) throw new ForbiddenException('You belong to no organisation.');
    const { sign } = await this.keys;
    const roles = user.role === null ? [] : [user.role];
    return new SignJWT({ tid: user.tenantId, oid: `${user.id}`, roles } satisfies Claims)
      .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID })
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setIssuedAt()
      .setExpirationTime(LIFE)
      .sign(sign);
  }

  /** The claims of a token that this application has issued; anything else is refused. */
  async verify(token: string): Promise<Claims> {
    const { verify } = await this.keys;
    try {
      const { payload } = await jwtVerify<Claims>(token, verify, {
        issuer: ISSUER,
        audience: ISSUER,
        algorithms: [ALGORITHM],
        requiredClaims: ['tid', 'oid', 'exp'],
      });
      return payload;
    } catch {
      throw new UnauthorizedException('The token is not valid, or has expired.');
    }
  }
}

async function makeKeys(): Promise<{
  readonly sign: CryptoKey;
  readonly verify: ReturnType<typeof createLocalJWKSet>;
}> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM);
  const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: ALGORITHM, use: 'sig' };
  return { sign: privateKey, verify: createLocalJWKSet({ keys: [jwk] }) };
}
