import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import { beforeAll, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url));

describe('the import rules', () => {
  let options: Awaited<ReturnType<typeof extractOptions>>;

  beforeAll(async () => {
    options = await extractOptions(`${ROOT}/.dependency-cruiser.cjs`);
  });

  const names = () => options.ruleSet?.forbidden?.map(({ name }) => name ?? '') ?? [];
  const isRoom = (name: string) => name.startsWith('room-');

  async function brokenIn(tree: string): Promise<string[]> {
    const baseDir = `${FIXTURES}/${tree}`;
    const { output } = await cruise(readdirSync(baseDir), { ...options, baseDir });
    const { violations } = (output as ICruiseResult).summary;
    return [...new Set(violations.map(({ rule }) => rule.name))].sort();
  }

  it.each(readdirSync(FIXTURES).filter((rule) => rule !== 'room-order'))(
    'catch what breaks %s, and blame nothing else',
    async (rule) => {
      expect(await brokenIn(rule)).toEqual([rule]);
    },
  );

  it('catch every room that imports the next one up', async () => {
    expect(await brokenIn('room-order')).toEqual(names().filter(isRoom).sort());
  });

  it('have each been seen to fail', () => {
    const seen = readdirSync(FIXTURES).filter((rule) => rule !== 'room-order');
    expect(seen.sort()).toEqual(
      names()
        .filter((name) => !isRoom(name))
        .sort(),
    );
  });
});
