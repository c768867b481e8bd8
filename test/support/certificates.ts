/** Certificates of an authority of one's own, made by the openssl program for one run of a test. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What `tls.connect` takes, and what a server is told of it and of the authority. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** redis-server's own: `--tls-cert-file`, … */
  readonly settings: readonly string[];
}

export interface Authority {
  /** The certificate that others trust. */
  readonly ca: string;
  readonly file: string;
  /** Makes a certificate for names and addresses: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(...names: string[]): Promise<Certificate>;
  /** As {@link issue}, and it was over yesterday. */
  issueExpired(...names: string[]): Promise<Certificate>;
  remove(): Promise<void>;
}

const run = promisify(execFile);
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export async function createAuthority(): Promise<Authority> {
  const directory = await mkdtemp(join(tmpdir(), 'elasticache-ca-'));
  const at = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => run('openssl', args);
  const subject = ['-subj', '/CN=authority of a test', '-days', '2'];
  const [file, key] = [at('ca.crt'), at('ca.key')];
  await openssl('req', '-x509', ...NEW_KEY, '-keyout', key, '-out', file, ...subject);
  let issued = 0;
  const issue = async (names: string[], days: number): Promise<Certificate> => {
    const id = `${++issued}`;
    const files = { cert: at(`${id}.crt`), key: at(`${id}.key`) };
    const [request, extensions] = [at(`${id}.csr`), at(`${id}.ext`)];
    await writeFile(extensions, `subjectAltName=${names.join(',')}\n`);
    await openssl('req', ...NEW_KEY, '-keyout', files.key, '-out', request, '-subj', `/CN=${id}`);
    const signer = ['-CA', file, '-CAkey', key, '-set_serial', id, '-days', `${days}`];
    const made = ['-extfile', extensions, '-out', files.cert];
    await openssl('x509', '-req', '-in', request, ...signer, ...made);
    const [cert, secret] = await Promise.all([
      readFile(files.cert, 'utf8'),
      readFile(files.key, 'utf8'),
    ]);
    const own = ['--tls-cert-file', files.cert, '--tls-key-file', files.key];
    return { cert, key: secret, settings: [...own, '--tls-ca-cert-file', file] };
  };
  return {
    ca: await readFile(file, 'utf8'),
    file,
    issue: (...names) => issue(names, 2),
    issueExpired: (...names) => issue(names, -1),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
