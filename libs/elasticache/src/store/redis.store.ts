import {
  bearsTags,
  bearsVersion,
  type Envelope,
  isUntagged,
  tagsOf,
} from '../codec/entry.codec.js';
import type { EntryVersions } from '../codec/entry.versions.js';
import type { Entry } from '../entry/cache.entry.js';
import { type CacheError, CacheSerializationError } from '../errors/cache.errors.js';
import type { Glob } from '../key/glob.js';
import { plainTag } from '../key/tag.names.js';
import type {
  Ask,
  Asks,
  CacheStore,
  Claim,
  ClaimOptions,
  Guard,
  Guarded,
  Inspection,
  Lease,
  Look,
  StoreWrite,
  Unkeyed,
  Versions,
  View,
} from './cache.store.js';
import { LEASE_MS, MARK_MS } from './lease.keeper.js';
import { CLAIM, EVICT, PUT, PUT_IF, RELEASE, RENEW, STORE } from './lua.scripts.js';
import { ManyReads } from './many.reads.js';
import { type Bytes, fetchAndTouch, ReadBatch } from './read.batch.js';
import { guard } from './redis.guards.js';
import { inspect } from './redis.inspection.js';
import { keysOf, type RedisStoreParts, type Sealed, sealed } from './redis.parts.js';
import { evictMatching } from './redis.scan.js';
import { ReplicaReads } from './replica.reads.js';
import { RedisLook, RedisStamps } from './redis.stamps.js';
import { RedisVersions, tokenOf } from './redis.versions.js';
import { RedisWrites, settledAll, sum } from './redis.writes.js';
import { ScriptRunner } from './script.runner.js';

const UNTAGGED = { tags: [], borne: undefined };

/** Times a put is tried again because something else was there, before it gives way. */
const MOST_ATTEMPTS = 10;

/** The entries, leases and versions of one cache on Redis or Valkey: one node, or a cluster. Every key has a lifetime. */
export class RedisStore implements CacheStore {
  /** Not where reads renew the life of an entry, nor without batching: these are sent at once. */
  readonly unsent?: { note: { readonly text: string } | undefined };
  private readonly where: string;
  private readonly reads: ReadBatch;
  private readonly replicas: ReplicaReads | undefined;
  private readonly many: ManyReads;
  private readonly scripts: ScriptRunner;
  private readonly versions: RedisVersions;
  private readonly stamps: RedisStamps;
  private readonly writes: RedisWrites;
  /** What an unordered put goes by until it has seen better. */
  private readonly lastSeen = new Map<string, Versions>();

  constructor(private readonly parts: RedisStoreParts) {
    const { exchange, layout, tags, clock, idleMs, batching = true, replicas } = parts;
    this.where = `cache '${parts.cache}'`;
    const unsent: NonNullable<CacheStore['unsent']> = { note: undefined };
    if (idleMs === undefined && batching) this.unsent = unsent;
    const onSend = () => (unsent.note = undefined);
    this.reads = new ReadBatch({ exchange, onSend, gathers: batching });
    this.replicas =
      replicas && new ReplicaReads({ exchange: replicas, primary: this.reads, clock, batching });
    this.many = new ManyReads({ exchange, clock, reads: this.reads });
    this.scripts = new ScriptRunner(exchange);
    this.versions = parts.versions ?? new RedisVersions(this.scripts, clock);
    const { reads, scripts, versions } = this;
    this.stamps = new RedisStamps({ layout, tags, reads, versions });
    this.writes = new RedisWrites({ ...parts, reads, scripts, versions, stamps: this.stamps });
  }

  look(ask: Ask, late?: (look: Look) => void): Promise<Look> {
    const { replicas, reads } = this;
    return this.lookIn(ask.peeks ? reads : (replicas ?? reads), ask, late);
  }

  private lookIn(
    reads: Pick<ReplicaReads, 'get'>,
    ask: Ask,
    late?: (look: Look) => void,
  ): Promise<Look> {
    const { layout, idleMs } = this.parts;
    const key = layout.entry(ask.text);
    const versions = this.stamps.keysOf(ask);
    const judge = (bytes: Bytes, found: readonly Bytes[], peeks = false) =>
      this.judge(peeks ? { ...ask, peeks } : ask, bytes, found);
    if (idleMs === undefined || ask.peeks) return reads.get(key, versions, judge, late);
    const bytes = fetchAndTouch(this.parts.exchange, key, Math.ceil(idleMs));
    return Promise.all([bytes, this.reads.versions(versions)]).then((all) => judge(...all));
  }

  async lookMany(asks: Asks): Promise<(Look | CacheError)[]> {
    const { layout, idleMs } = this.parts;
    const { length } = asks;
    if (idleMs !== undefined || this.replicas !== undefined) {
      const lookAt = (place: number) =>
        this.look(asks.at(place)!).catch((error: CacheError) => error);
      return Promise.all(Array.from({ length }, (_, place) => lookAt(place)));
    }
    const alike = asks.like && this.stamps.keysOf(asks.like);
    return this.many.get<Look | CacheError>({
      count: length,
      keyOf: (place) => layout.entry(asks.at(place)!.text),
      versionsOf: (place) => alike ?? this.stamps.keysOf(asks.at(place)!),
      made: (bytes, found, place) => this.judge(asks.at(place)!, bytes, found),
      failed: (error) => error as CacheError,
    });
  }

  claim(ask: Ask, view: View, options: ClaimOptions): Promise<Claim> {
    const seen = view as RedisLook;
    const { versions } = seen;
    if (versions !== undefined) return this.sendClaim(ask, { seen, versions }, options);
    return this.stamps.current(ask, seen.versionBytes).then((made) => {
      seen.made = made;
      return made === undefined
        ? { kind: 'barred' }
        : this.sendClaim(ask, { seen, versions: made }, options);
    });
  }

  keep(lease: Lease, write: StoreWrite): Promise<boolean> {
    void lease.renewal?.end();
    const stamped = this.stamps.of(lease, write);
    return stamped instanceof Promise
      ? stamped.then((versions) => this.keepUnder(versions, lease, write))
      : this.keepUnder(stamped, lease, write);
  }

  async keepMany(writes: readonly (readonly [Lease, StoreWrite])[]) {
    return settledAll(writes.map(([lease, write]) => this.keep(lease, write)));
  }

  release({ token, text, renewal }: Lease, mark: boolean): Promise<boolean> {
    void renewal?.end();
    const [, lease] = this.keysOf(text);
    const item = { keys: [lease], arguments: [token, mark ? MARK_MS : ''] };
    return this.scripts.run(RELEASE, item, isOne);
  }

  async versionsOf(ask: Ask, view: View): Promise<Versions | undefined> {
    const { versions, versionBytes } = view as RedisLook;
    return versions ?? this.stamps.current(ask, versionBytes);
  }

  isCurrent(lease: Lease, view: View): boolean | Promise<boolean> {
    return this.stamps.stands(lease, view as RedisLook);
  }

  begin(ask: Ask, guarded: boolean): Promise<Lease> {
    return this.writes.begin(ask, guarded);
  }

  beginUnkeyed(tags: readonly string[], lateTags: boolean): Promise<Unkeyed> {
    return this.writes.beginUnkeyed(tags, lateTags);
  }

  keyed(unkeyed: Unkeyed, text: string): Promise<Lease> {
    return this.writes.keyed(unkeyed, text);
  }

  finish(lease: Lease, write: StoreWrite | undefined): Promise<boolean | CacheError> {
    return this.writes.finish(lease, write);
  }

  abandon(lease: Lease): Promise<void> {
    return this.writes.abandon(lease);
  }

  async putMany(writes: readonly StoreWrite[]) {
    return settledAll(writes.map((write) => this.put(write)));
  }

  async putIfAbsent(ask: Ask, write: StoreWrite): Promise<Look | undefined> {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const look = await this.lookIn(this.reads, ask);
      const { entry } = look;
      if (entry !== undefined && entry.expiresAt > this.parts.clock.now()) return look;
      const view = look.view as RedisLook;
      const versions = view.versions ?? (await this.stamps.current(ask, view.versionBytes));
      if (versions === undefined) return undefined;
      const stamped = await this.stamps.of(bare(write.text, ask.tags, versions), write);
      if (stamped === undefined) continue; // a tag was evicted meanwhile
      const [bytes, lifeMs] = await sealed(this.parts, write, stamped);
      this.stamps.extend(stamped, lifeMs);
      const item = { keys: this.keysOf(write.text), arguments: [bytes, lifeMs, view.seen] };
      if ((await this.scripts.run(PUT_IF, item)) !== 2) return undefined;
    }
    return undefined;
  }

  async evict(texts: readonly string[]): Promise<number> {
    if (texts.length === 0) return 0;
    const items = texts.map((text) => ({ keys: this.keysOf(text), arguments: [] }));
    return sum(await this.writes.write(EVICT, items));
  }

  evictMatching(glob: Glob): Promise<number> {
    return evictMatching(this.parts, glob);
  }

  async clear(): Promise<number> {
    await this.versions.remove([this.parts.layout.version]);
    return 0;
  }

  guard(guarded: Guarded): Promise<Guard> {
    const { writes, versions } = this;
    const { keeper, layout } = this.parts;
    return guard(guarded, { writes, versions, keeper, keys: [layout.version] });
  }

  async inspect(ask: Ask): Promise<Inspection> {
    const { parts, stamps, reads } = this;
    return inspect(await this.look({ ...ask, peeks: true }), ask, { parts, stamps, reads });
  }

  private keysOf(text: string) {
    return keysOf(this.parts.layout, text);
  }

  /** The versions first: only what is valid is worth reading. */
  private judge(
    ask: Ask,
    bytes: Bytes,
    versions: readonly Bytes[],
  ): RedisLook | Promise<RedisLook> {
    const look = new RedisLook(ask, bytes, versions);
    if (bytes === null) return look.missed('absent');
    try {
      const envelope = this.parts.codec.open(bytes, this.where);
      const isCleared = !bearsVersion(envelope, versions[0]!);
      if (isUntagged(envelope)) {
        return isCleared ? look.missed('cleared') : this.read(look, envelope, UNTAGGED);
      }
      if (!isCleared && bearsTags(envelope, ask.tags, versions.slice(1))) {
        const borne = () => ask.tags.map((tag, i) => [tag, tokenOf(versions[1 + i]!)!] as const);
        return this.read(look, envelope, { tags: ask.tags, borne });
      }
      return this.judgeTags(look, envelope, isCleared);
    } catch (error) {
      return this.undecodable(look, error);
    }
  }

  /** Other tags than were asked for, or other versions. Those that only the envelope names cost another look. */
  private async judgeTags(
    look: RedisLook,
    envelope: Envelope,
    isCleared: boolean,
  ): Promise<RedisLook> {
    const borne = tagsOf(envelope);
    if (borne === undefined) {
      const params = { where: this.where, problem: 'the tags are damaged' };
      return this.undecodable(look, new CacheSerializationError('CACHE_UNDECODABLE', params));
    }
    const tags = borne.map(([tag]) => tag);
    look.tags = tags;
    if (isCleared) return look.missed('cleared');
    const { ask, versionBytes } = look;
    const current = new Map(ask.tags.map((tag, i) => [tag, versionBytes[1 + i]!] as const));
    const unknown = tags.filter((tag) => !current.has(tag));
    const others = await this.reads.versions(this.stamps.keysOfTags(unknown));
    for (const [i, tag] of unknown.entries()) current.set(tag, others[i]!);
    const gone = borne.find(([tag, version]) => tokenOf(current.get(tag)!) !== version);
    if (gone !== undefined) return look.missed(`tag ${plainTag(gone[0])}`);
    try {
      return await this.read(look, envelope, { tags, borne: () => borne });
    } catch (error) {
      return this.undecodable(look, error);
    }
  }

  private read(
    look: RedisLook,
    envelope: Envelope,
    { tags, borne }: { readonly tags: readonly string[]; readonly borne: Entry['borne'] },
  ): RedisLook | Promise<RedisLook> {
    const { codec, layout } = this.parts;
    if (codec.seals) envelope.key = layout.entry(look.ask.text);
    const entry = codec.decode(envelope, tags, this.where);
    if (!(entry instanceof Promise)) return look.found(entry, borne);
    return entry.then(
      (decoded) => look.found(decoded, borne),
      (error: unknown) => this.undecodable(look, error),
    );
  }

  /** Removes what cannot be read. If that fails, the next look tries again. */
  private async undecodable(look: RedisLook, error: unknown): Promise<RedisLook> {
    if (!(error instanceof CacheSerializationError)) throw error;
    look.error = error;
    if (look.ask.peeks) return look.missed('undecodable');
    const [key] = this.keysOf(look.ask.text);
    const removal = this.parts.exchange.run(key, (client) => client.unlink([key]));
    await removal.then(
      () => (look.bytes = null),
      () => undefined,
    );
    return look.missed('undecodable');
  }

  private sendClaim(
    ask: Ask,
    { seen, versions }: { seen: RedisLook; versions: Versions },
    { token, replaced = '' }: ClaimOptions,
  ): Promise<Claim> {
    const item = {
      keys: this.keysOf(ask.text),
      arguments: [seen.seen, token, LEASE_MS, replaced],
    };
    return this.scripts.run(CLAIM, item, (reply) => {
      return lostClaim(reply) ?? this.won(ask, token, versions);
    });
  }

  private keepUnder(
    versions: EntryVersions | undefined,
    lease: Lease,
    write: StoreWrite,
  ): Promise<boolean> {
    if (versions === undefined) return this.release(lease, false).then(() => false);
    if (versions.tags.length > 0) write.entry.borne = () => versions.tags;
    if (write.only === 'memory') return this.release(lease, false);
    let made: Sealed | Promise<Sealed>;
    try {
      made = sealed(this.parts, write, versions);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const send = ([bytes, lifeMs]: Sealed) => {
      this.stamps.extend(versions, lifeMs);
      const item = { keys: this.keysOf(lease.text), arguments: [lease.token, bytes, lifeMs] };
      return this.scripts.run(STORE, item, isOne);
    };
    return made instanceof Promise ? made.then(send) : send(made);
  }

  private won({ text, tags }: Ask, token: string, versions: Versions): Claim {
    const { keeper, layout } = this.parts;
    const renewal = keeper.keep(() => {
      const [, lease] = keysOf(layout, text);
      return this.scripts.run(RENEW, { keys: [lease], arguments: [token, LEASE_MS] });
    });
    return { kind: 'won', lease: { text, token, versions, tags, kind: 'load', renewal } };
  }

  /** Under the versions last seen, while these are read: if they are others, once more. */
  private async put(write: StoreWrite): Promise<boolean> {
    const tags = write.entry.tags ?? [];
    const name = tags.join('\0');
    const last = this.lastSeen.get(name);
    const [stored, current] = await Promise.all([
      last ? this.putUnder(write, last) : undefined,
      this.stamps.current({ tags }),
    ]);
    if (current === undefined) return false;
    if (stored !== undefined && current.stamp === last!.stamp) return stored;
    if (this.lastSeen.size > 100) this.lastSeen.clear();
    this.lastSeen.set(name, current);
    return this.putUnder(write, current);
  }

  private async putUnder(write: StoreWrite, versions: Versions): Promise<boolean> {
    const tags = write.entry.tags ?? [];
    const stamped = (await this.stamps.of(bare(write.text, tags, versions), write))!;
    const [bytes, lifeMs] = await sealed(this.parts, write, stamped);
    this.stamps.extend(stamped, lifeMs);
    const item = { keys: this.keysOf(write.text), arguments: [bytes, lifeMs] };
    return this.scripts.run(PUT, item, isOne);
  }
}

/** What an unordered put has instead of a lease. */
function bare(text: string, tags: readonly string[], versions: Versions): Lease {
  return { text, tags, versions, token: '', kind: 'load' };
}

function isOne(reply: unknown): boolean {
  return reply === 1;
}

/** Undefined where the claim was won. */
function lostClaim(reply: unknown): Claim | undefined {
  if (reply === 0) return undefined;
  if (reply === 1) return { kind: 'changed' };
  const holder = (reply as Buffer).toString('latin1');
  const isLoad = holder[0] === 'r' || holder[0] === 'n';
  if (!isLoad) return { kind: 'barred' };
  return { kind: 'held', token: holder.slice(1), waits: holder[0] === 'r' };
}
