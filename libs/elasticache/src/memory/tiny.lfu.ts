import type { ShortKey } from '../key/key.layout.js';
import { FrequencySketch, hashOf } from './frequency.sketch.js';
import type { Pushed } from './removals.js';

/** Of the whole: for what is new, so that what is used in bursts has a chance. */
const WINDOW_SHARE = 0.01;
/** Of the rest: for what was used again since it came. */
const PROTECTED_SHARE = 0.8;

export interface TinyLfuOptions<V> {
  /** How many entries there is room for. */
  readonly max: number;
  /** The room that one takes, in entries; at least 1. */
  readonly weightOf: (value: V) => number;
}

/** A link of one segment's ring, oldest first. */
class Node<V> {
  previous: Node<V> = this;
  next: Node<V> = this;
  segment: Segment<V> | undefined;
  readonly hash: number;

  constructor(
    readonly key: ShortKey,
    public value: V,
    public weight: number,
  ) {
    this.hash = hashOf(String(key));
  }
}

/** Entries in the order of their last use. */
class Segment<V> {
  weight = 0;
  private readonly ring = new Node<V>('', undefined as V, 0);

  get oldest(): Node<V> | undefined {
    const { next } = this.ring;
    return next === this.ring ? undefined : next;
  }

  /** Takes the node from where it was; it is the last one used now. */
  take(node: Node<V>): void {
    node.segment?.drop(node);
    const { ring } = this;
    node.segment = this;
    node.previous = ring.previous;
    node.next = ring;
    ring.previous.next = node;
    ring.previous = node;
    this.weight += node.weight;
  }

  drop(node: Node<V>): void {
    node.previous.next = node.next;
    node.next.previous = node.previous;
    node.segment = undefined;
    this.weight -= node.weight;
  }
}

/**
 * W-TinyLFU: what is new stays for a while in a small window; to stay longer, it must have been used
 * more often lately than what would have to go for it. So a scan of keys that nobody asks for again
 * leaves the hot ones alone. (Caffeine has the same: window, probation, protected.)
 */
export class TinyLfu<V> {
  private readonly nodes = new Map<ShortKey, Node<V>>();
  private readonly sketch: FrequencySketch;
  private window = new Segment<V>();
  private probation = new Segment<V>();
  private protected = new Segment<V>();
  private readonly windowMax: number;
  private readonly protectedMax: number;

  constructor(private readonly options: TinyLfuOptions<V>) {
    const { max } = options;
    this.windowMax = Math.max(1, Math.floor(max * WINDOW_SHARE));
    this.protectedMax = (max - this.windowMax) * PROTECTED_SHARE;
    this.sketch = new FrequencySketch(max);
  }

  get size(): number {
    return this.nodes.size;
  }

  keys(): IterableIterator<ShortKey> {
    return this.nodes.keys();
  }

  get(key: ShortKey): V | undefined {
    const node = this.nodes.get(key);
    if (node === undefined) return undefined;
    this.use(node);
    return node.value;
  }

  /** Whether there was room for it, which may take a use or two. */
  set(key: ShortKey, value: V, pushed?: Pushed<V>): boolean {
    const weight = this.options.weightOf(value);
    let node = this.nodes.get(key);
    if (node !== undefined) pushed?.(node.value, 'replaced');
    if (weight > this.options.max) {
      this.delete(key);
      return false;
    }
    if (node === undefined) {
      this.nodes.set(key, (node = new Node(key, value, weight)));
      this.sketch.add(node.hash);
      this.window.take(node);
    } else {
      const { segment } = node;
      segment!.drop(node);
      node.value = value;
      node.weight = weight;
      segment!.take(node);
      this.use(node);
    }
    this.makeRoom((gone) => {
      this.remove(gone);
      pushed?.(gone.value, 'size');
    });
    return this.nodes.has(key);
  }

  delete(key: ShortKey): boolean {
    const node = this.nodes.get(key);
    if (node === undefined) return false;
    this.remove(node);
    return true;
  }

  clear(): void {
    this.nodes.clear();
    this.window = new Segment();
    this.probation = new Segment();
    this.protected = new Segment();
  }

  private use(node: Node<V>): void {
    this.sketch.add(node.hash);
    if (node.segment === this.window) return this.window.take(node);
    this.protected.take(node);
    while (this.protected.weight > this.protectedMax) this.probation.take(this.protected.oldest!);
  }

  private makeRoom(push: (node: Node<V>) => void): void {
    while (this.window.weight > this.windowMax) this.admit(this.window.oldest!, push);
    while (this.isOverfull) {
      push((this.probation.oldest ?? this.protected.oldest ?? this.window.oldest)!);
    }
  }

  /** What leaves the window goes, unless it was used more often than what it would push out. */
  private admit(candidate: Node<V>, push: (node: Node<V>) => void): void {
    this.probation.take(candidate);
    while (this.isOverfull) {
      const { oldest } = this.probation;
      const victim = oldest === candidate ? this.protected.oldest : oldest;
      if (victim === undefined || this.isRarer(candidate, victim)) return push(candidate);
      push(victim);
    }
  }

  private isRarer(candidate: Node<V>, victim: Node<V>): boolean {
    return this.sketch.estimate(candidate.hash) <= this.sketch.estimate(victim.hash);
  }

  private remove(node: Node<V>): void {
    this.nodes.delete(node.key);
    node.segment!.drop(node);
  }

  private get isOverfull(): boolean {
    return this.window.weight + this.probation.weight + this.protected.weight > this.options.max;
  }
}
