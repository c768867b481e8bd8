/** The order of the specs: first those that take minutes, so that none of them is left at the end. */
import Sequencer from '@jest/test-sequencer';

const LONGEST = /\/test\/(coherence|packaging|chaos)\//;

/** Jest's own order, by size or by how long each took here before, knows nothing of them in a fresh clone. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    const isLong = ({ path }) => LONGEST.test(path);
    return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
  }
}
