/**
 * Writes what the reference says of options from the built library's tables of rules: `npm run docs`.
 * With `--check` it writes nothing, and fails where a page says something else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { variables } from '../libs/elasticache/dist/aws/elasticache.environment.js';
import { moduleRules } from '../libs/elasticache/dist/elasticache.option-rules.js';
import { responseRules } from '../libs/elasticache/dist/http/http.options.js';
import { operationRules } from '../libs/elasticache/dist/invocation/operation.rules.js';
import { Failure, ROOT, script } from './run.mjs';

/** What each page is to say, given what it says now. */
const PAGES = {
  'docs/reference/options.md': optionsPage,
  'docs/reference/environment.md': within(environmentTable),
  'docs/reference/decorators.md': within(decoratorTable),
  'docs/reference/http.md': within(responseTables),
};

/** What stands between the marks of a page. */
function within(write) {
  return (page) =>
    page.replace(/(<!-- Written by .*-->)[\s\S]*?(?=<!-- Until here -->)/, (_, mark) =>
      [mark, write(), ''].join('\n\n'),
    );
}

const HEAD = `# Options

<!-- Written by scripts/docs.mjs from libs/elasticache/src/elasticache.option-rules.ts and elasticache.cache-rules.ts: change it there. -->

Options are checked when the application starts. Every fault is reported at once, in one
\`CacheConfigurationError\`, each with its path (\`caches.articles.ttl\`); an option that does not exist is a
fault too, with the nearest name that does. An option given as \`undefined\` is one not given.

A \`Duration\` is a number of milliseconds, or text in the grammar of
the \`ms\` package: \`'250ms'\`, \`'60s'\`, \`'5m'\`, \`'1h'\`, \`'7d'\`. It is above zero.`;

/** What a table is of, by the type it describes. */
const LEADS = {
  ElastiCacheModuleOptions: `What \`ElastiCacheModule.forRoot()\` takes, and what a factory of
\`forRootAsync()\` answers with.`,
  ConnectionOptions: `A \`url\`, a \`host\`, or the nodes of a \`cluster\`, and the others. A ready ioredis client
or \`Cluster\` may stand in its place ([how](../how-to/use-a-cluster.md)); its owner closes it, and it must
not have a \`keyPrefix\`.`,
  CacheOptions: `One cache: \`caches.<name>\`, an entry of \`forFeature()\`, and in \`defaults\` what every cache
starts from. A cache lives in Redis, in memory, or in Redis with copies in memory.`,
  MemoryTierOptions: 'Option `memory` of a cache that lives in this process, or has copies there.',
  CompressionOptions: 'Option `compression` of a cache that lives in Redis.',
  TenancyOptions: `Option \`tenancy\`: [serve tenants](../how-to/serve-tenants.md).`,
  KeyOptions: `Option \`keys\`: [hide keys and seal values](../how-to/hide-keys-and-seal-values.md).`,
  EncryptionOptions: `Option \`encryption\`, likewise.`,
  SensitiveOptions: `Option \`sensitive\`, likewise.`,
  QueryOptions: 'Option `query` of a route.',
  LoadLimits: `Option \`loads\`, of this cache in this process:
[protect the database](../how-to/protect-the-database.md).`,
  CacheTimeouts: 'Option `timeouts`.',
};

await script(async () => {
  const isCheck = process.argv.includes('--check');
  for (const [path, write] of Object.entries(PAGES)) {
    const now = readFileSync(ROOT + path, 'utf8');
    const style = await resolveConfig(ROOT + path);
    const page = await format(write(now), { ...style, parser: 'markdown', proseWrap: 'always' });
    if (page === now) continue;
    if (isCheck) throw new Failure(`${path} is out of date: npm run docs`);
    writeFileSync(ROOT + path, page);
  }
});

function optionsPage() {
  return [HEAD, ...[...tables('ElastiCacheModuleOptions', moduleRules)].map(section)].join('\n\n');
}

/** The table of a type and of every type that its options may be. */
function* tables(type, rules) {
  yield [type, rules];
  for (const rule of rules) if (rule.nested) yield* tables(objectType(rule), rule.nested);
}

function section([type, rules]) {
  if (!LEADS[type]) throw new Failure(`scripts/docs.mjs: what is ${type}?`);
  return [`## ${type}`, LEADS[type], optionTable(rules)].join('\n\n');
}

function optionTable(rules) {
  const rows = rules.map((rule) => [code(rule.name), typeOf(rule), fallbackOf(rule), rule.meaning]);
  return table(['option', 'type', 'default', 'meaning'], rows);
}

function responseTables() {
  const [[, rules], ...more] = tables('CacheResponseOptions', responseRules);
  return [optionTable(rules), ...more.map(section)].join('\n\n');
}

/** One row for what several decorators say alike. */
function environmentTable() {
  const rows = variables.map(({ name, meaning }) => [code(name), meaning]);
  return table(['variable', 'meaning'], rows);
}

function decoratorTable() {
  const rows = new Map();
  for (const [kind, rules] of Object.entries(operationRules)) {
    for (const rule of rules) {
      const cells = [code(rule.name), code(rule.type), fallbackOf(rule), rule.meaning];
      const row = rows.get(cells.join()) ?? { kinds: [], cells };
      rows.set(cells.join(), { ...row, kinds: [...row.kinds, kind] });
    }
  }
  const merged = [...rows.values()].map(({ kinds, cells: [name, ...rest] }) => [
    name,
    kinds.length === Object.keys(operationRules).length ? 'all' : kinds.join(', '),
    ...rest,
  ]);
  return table(['option', 'on', 'type', 'default', 'meaning'], merged.sort(byFirstKind));
}

/** Those of all decorators first; otherwise as the rules have them. */
function byFirstKind([, a], [, b]) {
  return Number(b === 'all') - Number(a === 'all');
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** A type that has a table of its own leads there. */
function typeOf(rule) {
  const table = rule.nested && ` ([below](#${objectType(rule).toLowerCase()}))`;
  return code(rule.type) + (table ?? '');
}

function objectType({ type }) {
  return /[A-Z]\w*(Options|Timeouts|Limits)/.exec(type)[0];
}

/** A value is code, words are not. */
function fallbackOf({ fallback }) {
  return /^('.*'|[\d.]+|true|false)$/.test(fallback) ? code(fallback) : fallback;
}

function code(text) {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
