import { types } from 'node:util';

/**
 * What an error of the client says, without what it must not say: servers quote the arguments of a
 * command they do not know, passwords and values included. Of a name with several addresses, Node
 * tells the code alone. (`instanceof` would miss the errors of Node's own modules under Jest.)
 */
export function plainReason(error: unknown): string {
  if (!types.isNativeError(error)) return 'no reason given';
  const { message, code } = error as NodeJS.ErrnoException;
  return message.replace(/,? with args beginning with[^]*/, '').slice(0, 200) || code || error.name;
}

/**
 * The error as it may be attached as a cause. ioredis hangs the command on its errors, and with it
 * the bytes of the value, or the password.
 */
export function plainError(error: unknown): Error {
  const plain = new Error(plainReason(error));
  if (types.isNativeError(error)) plain.name = error.name;
  return plain;
}
