const ROWS = 4;
/** Counters of four bits, eight to a word. */
const COUNTERS = 8;
const MOST = 15;
const ONE_BIT_LESS = 0x77777777;
/** All counters are halved after so many uses per key: what was popular long ago makes way. */
const USES_PER_KEY = 10;
/** Odd, with bits well spread. */
const FACTORS = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f] as const;

/**
 * About how often each key was used lately, in a few bytes a key whatever the keys: a count-min
 * sketch that forgets. (TinyLFU: Einziger, Friedman, Manes, https://arxiv.org/abs/1512.00727.)
 */
export class FrequencySketch {
  private readonly words: Uint32Array;
  private readonly shift: number;
  private readonly period: number;
  private uses = 0;

  constructor(keys: number) {
    const bits = Math.max(6, Math.ceil(Math.log2(keys)));
    this.words = new Uint32Array(2 ** bits);
    this.shift = 32 - bits;
    this.period = USES_PER_KEY * Math.max(keys, COUNTERS);
  }

  add(hash: number): void {
    const { words } = this;
    let isCounted = false;
    for (let row = 0; row < ROWS; row++) {
      const [at, bit] = [this.word(hash, row), counterBit(hash, row)];
      const word = words[at]!;
      if (((word >>> bit) & MOST) === MOST) continue;
      words[at] = word + (1 << bit);
      isCounted = true;
    }
    if (isCounted && ++this.uses >= this.period) this.age();
  }

  /** 0 to 15; never less than what was counted since the last halving. */
  estimate(hash: number): number {
    let least = MOST;
    for (let row = 0; row < ROWS; row++) {
      const count = (this.words[this.word(hash, row)]! >>> counterBit(hash, row)) & MOST;
      if (count < least) least = count;
    }
    return least;
  }

  private word(hash: number, row: number): number {
    return Math.imul(hash, FACTORS[row]!) >>> this.shift;
  }

  private age(): void {
    const { words } = this;
    for (let i = 0; i < words.length; i++) words[i] = (words[i]! >>> 1) & ONE_BIT_LESS;
    this.uses >>>= 1;
  }
}

/** Each row uses counters of its own: bits 4 × row and up, in one of two halves of the word. */
function counterBit(hash: number, row: number): number {
  return (row + ((hash >>> row) & 1) * ROWS) * ROWS;
}

/** FNV-1a. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash ^= hash >>> 16;
  return Math.imul(hash, 0x85ebca6b) ^ (hash >>> 13);
}
