import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

/** Salted scrypt, as `scrypt$<salt>$<hash>` in base64. */
export function hashPassword(password: string): string {
  const salt = randomBytes(16);
  return `scrypt$${salt.toString('base64')}$${scryptSync(password, salt, 32).toString('base64')}`;
}

export function isPassword(password: string, hashed: string): boolean {
  const [, salt = '', hash = ''] = hashed.split('$');
  const known = Buffer.from(hash, 'base64');
  const given = scryptSync(password, Buffer.from(salt, 'base64'), 32);
  return known.length === given.length && timingSafeEqual(known, given);
}
