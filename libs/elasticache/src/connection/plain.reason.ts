import { types } from 'node:util';

/** What OpenSSL says, between numbers and the lines of its source. */
const OPENSSL = /^[^]*:SSL routines:[^:]*:([^:]+):[^]*/;

/** As far as what is wrong stands in it. */
type ClientError = NodeJS.ErrnoException & { readonly lastNodeError?: unknown };

/**
 * What an error of the client says, without what it must not say: servers quote the arguments of a
 * command they do not know, passwords and values included. Of a name with several addresses, Node
 * tells the code alone; a cluster tells that no node answered, and what the last one said beside it.
 * (`instanceof` would miss the errors of Node's own modules under Jest.)
 */
export function plainReason(error: unknown): string {
  if (!types.isNativeError(error)) return 'no reason given';
  const { message, code, lastNodeError } = error as ClientError;
  if (lastNodeError) return plainReason(lastNodeError);
  const told = message
    .replace(/,? with args beginning with[^]*/, '')
    .replace(OPENSSL, 'TLS: $1')
    .slice(0, 200);
  return told || code || error.name;
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

/** What to do about what Redis or the network says, by how it begins. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /^READONLY/,
    'this is a replica: connect to the primary endpoint, or wait for the failover to end',
  ],
  [/^LOADING/, 'the server reads its data from disk: wait until it is through'],
  [
    /^MASTERDOWN/,
    'a replica without its primary: connect to the primary endpoint, or wait for the failover to end',
  ],
  [
    /^OOM/,
    'no memory left: set maxmemory-policy to allkeys-lru, shorten ttl, or take a larger node',
  ],
  [/^CLUSTERDOWN/, 'slots without a primary: wait for the failover to end, or repair the cluster'],
  [/^(MOVED|ASK) /, 'the keys are in a cluster: give connection.cluster, not a single node'],
  [/^CROSSSLOT/, 'the keys are in a cluster: give connection.cluster'],
  [/^WRONGTYPE/, 'something else stands under the key: give the cache a namespace of its own'],
  [
    /^(NOPERM|ERR ACL failure in script|ERR The user executing the script can't)/,
    "the user's ACL forbids it: allow the commands and keys of docs/reference/permissions.md",
  ],
  [
    /^(WRONGPASS|NOAUTH)/,
    'check user, password or token of the connection; a token also needs a clock that is right',
  ],
  [/^BUSY /, 'a script of somebody else runs too long: SCRIPT KILL ends it'],
  [
    /certificate (has expired|is not yet valid)/i,
    "renew the server's certificate, and check both clocks",
  ],
  [/self.signed|unable to (get|verify)/i, 'give the CA in connection.tls.ca'],
  [
    /match certificate's altnames/,
    'connect by a name of the certificate, or give that in connection.tls.servername',
  ],
  [
    /alert (certificate required|unknown ca|bad certificate|handshake failure)/,
    'give a certificate that the server trusts in connection.tls.cert, and its key in connection.tls.key',
  ],
  [
    /wrong version number|packet length too long/,
    'the server does not speak TLS on this port: check the port, or leave connection.tls out',
  ],
  [
    /ECONNRESET/,
    'check that the server runs; it hangs up, too, where it expects TLS (connection.tls), or a certificate (connection.tls.cert)',
  ],
  [
    /ETIMEDOUT/,
    'check host, port and security group; a port that does not speak TLS says nothing, either (connection.tls)',
  ],
  [/ENOTFOUND|EAI_AGAIN/, 'check the host name and DNS'],
  [/ECONNREFUSED/, 'check host and port, and that the server runs'],
];

/** The reason, with what to do about it where that is known. */
export function withAdvice(reason: string): string {
  const advice = ADVICE.find(([pattern]) => pattern.test(reason));
  return advice === undefined ? reason : `${reason.replace(/\.$/, '')}; ${advice[1]}`;
}
