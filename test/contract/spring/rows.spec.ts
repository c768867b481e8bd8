/**
 * Counts the rows of Spring's behaviour table that the specs of this folder hold: every title starts with the
 * rows it is about, so that a test that is dropped is missed here.
 */
import { describe, expect, it } from '@jest/globals';
import { readFile, readdir } from 'node:fs/promises';

const folder = new URL('.', import.meta.url);

/** First and last row of each section, which `<section>.spec.ts` and `<section>.*.spec.ts` hold. */
const sections: Record<string, [first: number, last: number]> = {
  keys: [1, 23],
  cacheable: [24, 36],
  conditions: [37, 49],
  sync: [50, 65],
  put: [66, 73],
  evict: [74, 86],
  composition: [87, 98],
  config: [99, 104],
  resolving: [105, 117],
  'cache-object': [118, 122],
  errors: [123, 132],
  'return-types': [133, 143],
  interception: [144, 148],
  transactions: [149, 151],
  redis: [152, 175],
};

const excluded: Record<string, number[]> = {
  'no class-level operations: decorate the method': [32],
  'an override without decorator is uncached': [33],
  'no Optional in JavaScript': [47, 48, 133, 138, 139],
  'no interfaces at run time': [98, 145],
  'one manager per module, chosen by nothing': [101, 105, 110, 113, 114, 115],
  'no resetting of all caches at once': [117, 175],
  'anything can be thrown': [128],
};

const left = new Set(Object.values(excluded).flat());

async function rowsTested(section: string): Promise<number[]> {
  const files = (await readdir(folder)).filter(
    (file) => file.startsWith(`${section}.`) && file.endsWith('.spec.ts'),
  );
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')));
  const titles = texts.join('\n').matchAll(/^\s*it(?:\.each\([^\n]*\))?\(\s*(['"`])([\d, ]+): /gm);
  const rows = [...titles].flatMap(([, , rows]) => rows!.split(',').map(Number));
  return [...new Set(rows)].sort((a, b) => a - b);
}

describe("The rows of Spring's behaviour table", () => {
  it.each(Object.entries(sections))('%s: each one has its test', async (section, [first, last]) => {
    const rows = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    expect(await rowsTested(section)).toEqual(rows.filter((row) => !left.has(row)));
  });

  it('none is switched off', async () => {
    for (const file of await readdir(folder)) {
      const text = await readFile(new URL(file, folder), 'utf8');
      expect(text).not.toMatch(
        /^\s*(x(it|describe|test)|(it|describe|test)\.(skip|todo|only|failing))\b/m,
      );
    }
  });

  it('every spec belongs to a section', async () => {
    const owners = (await readdir(folder)).map((file) => file.split('.')[0]!);
    expect([...new Set(owners)].sort()).toEqual([...Object.keys(sections), 'rows'].sort());
  });
});
