import { randomBytes, scryptSync } from 'node:crypto';

/** Salted scrypt, as `scrypt$<salt>$<hash>` in base64. */
export function hashPassword(password: string): string {
  const salt = randomBytes(16);
  return `scrypt$${salt.toString('base64')}$${scryptSync(password, salt, 32).toString('base64')}`;
}
