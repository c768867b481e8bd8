/** Holds the pages that say what the code does to the code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { cacheRules } from '../../libs/elasticache/src/elasticache.cache-rules.js';
import { moduleRules } from '../../libs/elasticache/src/elasticache.option-rules.js';
import {
  cacheDefaults,
  DEFAULT_NAMESPACE,
} from '../../libs/elasticache/src/elasticache.settings.js';
import { catalogue } from '../../libs/elasticache/src/errors/catalogue.js';
import { cacheChannels } from '../../libs/elasticache/src/events/cache.events.js';
import { defaultKey, encodeKey } from '../../libs/elasticache/src/key/key.encoding.js';
import { responseDefaults, responseRules } from '../../libs/elasticache/src/http/http.options.js';
import { KeyLayout } from '../../libs/elasticache/src/key/key.layout.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const pageOf = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The rows of a page's tables whose first column bears that head; code spans as what they show. */
function rowsOf(page: string, head: string): string[][] {
  const [, ...tables] = pageOf(page).split(new RegExp(`^\\| ${head} .*\\n\\| -.*\\n`, 'm'));
  return tables.flatMap((table) =>
    table
      .slice(0, table.search(/^(?!\|)/m))
      .trimEnd()
      .split('\n')
      .map((row) =>
        row
          .slice(1, -1)
          .split(/(?<!\\)\|/)
          .map(shown),
      ),
  );
}

function shown(cell: string): string {
  return cell
    .trim()
    .replace(/^`([^`]*)`$/, '$1')
    .replaceAll('\\|', '|');
}

describe('the reference', () => {
  it('lists every error by its code, and no other', () => {
    const codes = [...pageOf('docs/reference/errors.md').matchAll(/^## (\w+)$/gm)];
    expect(codes.map(([, code]) => code)).toEqual(Object.keys(catalogue));
  });

  it('names tests that there are for every claim about security', () => {
    const page = pageOf('docs/explanation/security.md');
    const rows = [...page.matchAll(/^\|.*\|$/gm)].filter(([row]) => !/---|what holds/.test(row));
    expect(rows.length).toBeGreaterThan(15);
    expect(page).not.toMatch(/^\|.*\|\n\n\|/m); // rows after an empty line are no table
    for (const [row] of rows) {
      const tests = [...row.matchAll(/`((?:libs|test)\/[^`]+\.spec\.ts)`/g)];
      expect([row, tests.length > 0]).toEqual([row, true]);
      for (const [, path] of tests)
        expect([path, existsSync(join(ROOT, path!))]).toEqual([path, true]);
    }
  });

  it('lists every event, and no other', () => {
    const events = rowsOf('docs/reference/events.md', 'event').map(([name]) => name);
    expect(events).toEqual(Object.keys(cacheChannels));
  });

  it('shows keys as they are encoded', () => {
    const rows = rowsOf('docs/reference/keys.md', 'key');
    expect(rows.length).toBeGreaterThan(10);
    const encoded = rows.map(([key = '']) => [
      key,
      encodeKey(runInThisContext(`(${key})`), 'docs'),
    ]);
    expect(rows).toEqual(encoded);
  });

  it('shows default keys as they are encoded', () => {
    const rows = rowsOf('docs/reference/keys.md', 'arguments');
    expect(rows.length).toBeGreaterThan(5);
    const encoded = rows.map(([args = '']) => [
      args,
      defaultKey(runInThisContext(`[${args.slice(1, -1)}]`) as unknown[], 'docs'),
    ]);
    expect(rows).toEqual(encoded);
  });

  it('shows full keys as they are laid out', () => {
    const rows = rowsOf('docs/reference/keys.md', 'call');
    expect(rows.length).toBeGreaterThan(3);
    for (const [call = '', key] of rows) {
      const [, cache = '', list = ''] = /'(\w+)'\).*\((.*)\)$/.exec(call)!;
      const layout = new KeyLayout({ namespace: 'shop', version: cacheDefaults.version, cache });
      expect(key).toBe(
        layout.entry(defaultKey(runInThisContext(`[${list}]`) as unknown[], 'docs')),
      );
    }
  });

  it('gives the defaults that hold', () => {
    const ruleOf = (rules: typeof cacheRules, name: string) =>
      rules.find((rule) => rule.name === name);
    const told = (rules: typeof cacheRules, defaults: object): unknown =>
      Object.fromEntries(
        Object.entries(defaults).map(([name, value]) => {
          const rule = ruleOf(rules, name)!;
          return typeof value === 'object'
            ? [name, told(rule.nested!, value as object)]
            : [name, runInThisContext(rule.fallback)];
        }),
      );
    expect(told(cacheRules, cacheDefaults)).toEqual(cacheDefaults);
    expect(ruleOf(moduleRules, 'namespace')?.fallback).toBe(`'${DEFAULT_NAMESPACE}'`);
    const fallbacks = responseRules.flatMap(({ name, fallback }) =>
      name in responseDefaults ? [[name, runInThisContext(fallback)]] : [],
    );
    expect(Object.fromEntries(fallbacks)).toEqual(responseDefaults);
  });
});

describe('a link in the documentation', () => {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const pages = [
    ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
  ];

  it('leads to a page, and to a heading of it', () => {
    const broken = pages.flatMap((page) =>
      [...pageOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
        .filter(([, path = '', anchor]) => !leads(page, path, anchor))
        .map(([link]) => `${page}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  function leads(page: string, path: string, anchor: string | undefined): boolean {
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(ROOT, target))) return false;
    return anchor === undefined || anchorsIn(target).includes(anchor);
  }

  /** As GitHub makes them of headings. */
  function anchorsIn(page: string): string[] {
    return [...pageOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
  }
});
