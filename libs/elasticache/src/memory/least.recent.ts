import type { ShortKey } from '../key/key.layout.js';
import type { Pushed } from './removals.js';

/** A link of a ring, which is its own as long as it is in none. */
export class Link {
  previous: Link = this;
  next: Link = this;
}

/** What the table keeps: itself a link, so that an entry is one object. */
export interface Linked extends Link {
  readonly key: ShortKey;
}

export interface LeastRecentOptions<N> {
  /** How many there is room for. */
  readonly max: number;
  /** The bytes there is room for, and how many one takes. */
  readonly bytes?: { readonly max: number; readonly of: (node: N) => number } | undefined;
}

/** Beyond its bounds, what was used longest ago goes. */
export class LeastRecent<N extends Linked> {
  private readonly nodes = new Map<ShortKey, N>();
  private readonly sizes = new Map<ShortKey, number>();
  private bytes = 0;
  private readonly ring = new Link();

  constructor(private readonly options: LeastRecentOptions<N>) {}

  get size(): number {
    return this.nodes.size;
  }

  keys(): IterableIterator<ShortKey> {
    return this.nodes.keys();
  }

  get(key: ShortKey): N | undefined {
    // V8 looks for what it knows to be a whole number without a call.
    const node = typeof key === 'number' ? this.nodes.get(key | 0) : this.nodes.get(key);
    if (node === undefined) return undefined;
    const { ring } = this;
    const { previous, next } = node;
    if (next === ring) return node; // it is the newest as it is
    previous.next = next;
    next.previous = previous;
    const newest = ring.previous;
    node.previous = newest;
    node.next = ring;
    newest.next = node;
    ring.previous = node;
    return node;
  }

  /** False where it alone is beyond the bounds; what it was to replace is gone all the same. */
  set(key: ShortKey, node: N, pushed?: Pushed<N>): boolean {
    const old = this.nodes.get(key);
    if (old !== undefined) this.push(old, pushed, 'replaced');
    const { max, bytes } = this.options;
    if (bytes !== undefined) {
      const size = bytes.of(node);
      if (size > bytes.max) return false;
      this.sizes.set(key, size);
      this.bytes += size;
    }
    this.nodes.set(key, node);
    this.append(node);
    const most = bytes?.max ?? Infinity;
    while (this.nodes.size > max || this.bytes > most) {
      this.push(this.ring.next as N, pushed, 'size');
    }
    return true;
  }

  delete(key: ShortKey): boolean {
    const node = this.nodes.get(key);
    if (node !== undefined) this.remove(node);
    return node !== undefined;
  }

  clear(): void {
    this.nodes.clear();
    this.sizes.clear();
    this.bytes = 0;
    this.ring.previous = this.ring.next = this.ring;
  }

  private push(node: N, pushed: Pushed<N> | undefined, cause: 'replaced' | 'size'): void {
    this.remove(node);
    pushed?.(node, cause);
  }

  private remove({ key, previous, next }: N): void {
    this.nodes.delete(key);
    previous.next = next;
    next.previous = previous;
    this.bytes -= this.sizes.get(key) ?? 0;
    this.sizes.delete(key);
  }

  private append(node: Link): void {
    const { ring } = this;
    node.previous = ring.previous;
    node.next = ring;
    ring.previous.next = node;
    ring.previous = node;
  }
}
