import { readdirSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAX_LINES = 400;

const LIBRARY = /^libs\/[^/]+\/src\/(?!.*\.spec\.ts$)/;
const SPECS = /\.spec\.ts$/;
const ALL = /./;
const COMMENT = /^\s*(\/\/|\/\*|\*)/;

interface Rule {
  rule: string;
  where: RegExp;
  except?: RegExp;
  pattern: RegExp;
  comments?: 'too';
  /** A line that breaks it. */
  offence: string;
}

const RULES: Rule[] = [
  {
    rule: 'the clock is an argument',
    where: LIBRARY,
    except: /\/time\/clock\.ts$/,
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
    offence: 'const now = Date.now();',
  },
  {
    rule: 'no test sleeps',
    where: SPECS,
    pattern: /\bsetTimeout\(|timers\/promises/,
    offence: 'setTimeout(resolve, 10);',
  },
  {
    rule: 'no test is left out, singled out or tried again',
    where: SPECS,
    pattern:
      /\b(it|test|describe)\.(only|skip|todo)\b|\b(xit|fit|xdescribe|fdescribe)\(|retryTimes/,
    offence: "it.only('works', run);",
  },
  {
    rule: 'exports are named',
    where: LIBRARY,
    pattern: /\bexport \*/,
    offence: 'export * from "./a.js";',
  },
  {
    rule: 'no cast to any',
    where: LIBRARY,
    pattern: /\bas any\b/,
    offence: 'return value as any;',
  },
  { rule: 'no console', where: LIBRARY, pattern: /\bconsole\./, offence: 'console.log(key);' },
  {
    rule: "nothing that Jest cannot turn into CommonJS for its users' tests",
    where: LIBRARY,
    pattern: /\bimport\.meta\b/,
    offence: 'createRequire(import.meta.url)',
  },
  {
    rule: 'no unfinished business',
    where: ALL,
    pattern: /\b(TODO|FIXME|XXX)\b/,
    comments: 'too',
    offence: '// TODO',
  },
];

const SELF = 'test/architecture/source.rules.spec.ts';
const files = ['libs', 'apps', 'bench', 'test', 'scripts']
  .flatMap(sourcesIn)
  .filter((path) => path !== SELF);

function sourcesIn(folder: string): string[] {
  return readdirSync(`${ROOT}/${folder}`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mts|mjs|cjs|js)$/.test(entry.name))
    .map((entry) => relative(ROOT, `${entry.parentPath}/${entry.name}`))
    .filter((path) => !/(^|\/)(node_modules|dist|\.snippets)\//.test(path));
}

const linesOf = (path: string) => readFileSync(`${ROOT}/${path}`, 'utf8').split('\n');

describe('the sources', () => {
  it.each(RULES)('keep to the rule: $rule', ({ where, except, pattern, comments, offence }) => {
    expect(offence).toMatch(pattern);
    const offences = files
      .filter((path) => where.test(path) && !except?.test(path))
      .flatMap((path) => linesOf(path).map((line, index) => ({ line, at: `${path}:${index + 1}` })))
      .filter(({ line }) => pattern.test(line) && (comments === 'too' || !COMMENT.test(line)))
      .map(({ line, at }) => `${at}: ${line.trim()}`);
    expect(offences).toEqual([]);
  });

  it('have names that say what is inside', () => {
    const vague = /(^|[/.-])(utils?|commons?|helpers?|misc|shared)([/.-]|$)/;
    expect('libs/elasticache/src/key/key.utils.ts').toMatch(vague);
    expect(files.filter((path) => vague.test(path))).toEqual([]);
  });

  it(`have files of at most ${MAX_LINES} lines`, () => {
    expect(files.filter((path) => linesOf(path).length > MAX_LINES + 1)).toEqual([]);
  });

  it('are found at all', () => {
    expect(files).toEqual(
      expect.arrayContaining(['libs/elasticache/src/index.ts', 'scripts/test.mjs']),
    );
  });
});
