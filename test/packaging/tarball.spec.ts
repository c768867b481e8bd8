import { readFile, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { packLibrary, temporaryDirectory } from './fresh.application.js';
import { attempt } from './npm.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a declaration may mention is what a user surely has: dependencies and peers that are not optional. */
const DECLARED = ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'];

describe('the tarball', () => {
  let directory: string;
  let tarball: string;
  let files: string[];

  beforeAll(async () => {
    directory = await temporaryDirectory();
    tarball = await packLibrary(directory);
    await attempt('tar', ['-xzf', tarball], { cwd: directory });
    files = await readdir(join(directory, 'package'), { recursive: true });
  }, 60_000);

  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('satisfies publint', async () => {
    const { buffer } = new Uint8Array(await readFile(tarball));
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it('has types that resolve wherever its code does (attw)', async () => {
    const attw = join(ROOT, 'node_modules/.bin/attw');
    const outcome = await attempt(attw, [tarball, '--profile', 'esm-only', '--no-color'], {
      cwd: ROOT,
    });
    expect(outcome).toMatchObject({ code: 0 });
  }, 60_000);

  it('holds what runs, its types and its terms, and no test', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'package.json',
        'LICENSE',
        'README.md',
        'dist/index.js',
        'dist/index.d.ts',
      ]),
    );
    expect(files.filter((file) => /\.spec\.|\.tsbuildinfo$|^src/.test(file))).toEqual([]);
  });

  it('mentions in its declarations only packages that its user has', async () => {
    const mentioned = new Set<string>();
    for (const file of files.filter((name) => name.endsWith('.d.ts'))) {
      const text = await readFile(join(directory, 'package', file), 'utf8');
      for (const [, name = ''] of text.matchAll(
        /(?:from |import\(|import )['"]([^.'"][^'"]*)['"]/g,
      )) {
        if (!name.startsWith('node:')) mentioned.add(packageOf(name));
      }
    }
    expect([...mentioned].filter((name) => !DECLARED.includes(name))).toEqual([]);
  });
});

function packageOf(specifier: string): string {
  return specifier.startsWith('@')
    ? join(dirname(specifier), specifier.split('/')[1] ?? '')
    : specifier;
}
