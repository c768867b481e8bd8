import { Journal, type JournalTarget } from './coherence/journal.js';
import { LOST, Recovery } from './coherence/recovery.js';
import { WatchedServer } from './coherence/watched.server.js';
import { WatchedServers } from './coherence/watched.servers.js';
import { withAdvice } from './connection/plain.reason.js';
import type { RedisConnection } from './connection/redis.connection.js';
import { type LineLog, OutageLog } from './elasticache.outage-log.js';
import { cacheChannels, publish } from './events/cache.events.js';
import type { BreakerState } from './resilience/circuit.breaker.js';
import { Deadline } from './resilience/deadline.js';
import { deadlineOf } from './resilience/link.js';
import { readWaitOf, RedisExchange } from './store/redis.exchange.js';
import type { Clock } from './time/clock.js';

export interface RedisTierParts {
  readonly clock: Clock;
  readonly namespace: string;
  readonly log: LineLog;
  /** Of what concerns all caches. */
  readonly storeMs: number;
  /** The caches, as the journal needs them. */
  readonly target: JournalTarget;
  /** Told when copies may be of entries that nobody remembers. */
  readonly forget: () => void;
}

/** Where entries are read that may be out of date. */
interface Replicas {
  readonly connection: RedisConnection;
  readonly links: WatchedServers;
}

/** The connection of one application, and what keeps its outages from the callers. */
export class RedisTier {
  readonly journal: Journal;
  private readonly recovery: Recovery;
  private readonly outages: OutageLog;
  private readonly deadlines = new Map<number, Deadline>();
  private opened: Replicas | undefined;

  constructor(
    readonly connection: RedisConnection,
    private readonly parts: RedisTierParts,
  ) {
    const { clock, log, namespace, storeMs } = parts;
    this.outages = new OutageLog(log, clock);
    this.journal = new Journal(parts.target, (invalidations) => {
      if (cacheChannels.replay.hasSubscribers) publish('replay', { namespace, invalidations });
      log.log(`${invalidations} invalidations that had failed were made up for.`);
    });
    this.recovery = new Recovery({
      connection,
      clock,
      random: Math.random,
      patience: new Deadline(readWaitOf(storeMs), clock),
      onChange: (state, place) => this.changed(state, place),
      onMade: () => this.outages.connected(),
      onFailure: (why) => this.outages.down(withAdvice(why)),
      onReborn: () => this.reborn(),
      onUnknown: () =>
        log.warn(
          'The server does not say its run_id, or may not be asked (INFO). After a failover this ' +
            'process cannot tell that invalidations may have been forgotten.',
        ),
    });
  }

  exchange(where: string, storeMs: number): RedisExchange {
    const { connection, recovery } = this;
    return new RedisExchange({
      where,
      connection,
      deadline: deadlineOf(this.deadlines, storeMs, this.parts),
      links: recovery.servers,
    });
  }

  /** For entries that may be out of date; undefined where there is nothing but the primary. */
  replicas(where: string, storeMs: number): RedisExchange | undefined {
    const replicas = (this.opened ??= this.openReplicas());
    const deadline = deadlineOf(this.deadlines, storeMs, this.parts);
    return replicas && new RedisExchange({ where, deadline, ...replicas });
  }

  start(): void {
    this.connection.start();
  }

  /** Makes up for what it can, closes what is ours, and says what it could not: the last may fail meanwhile. */
  async close(): Promise<void> {
    const { journal, recovery, connection } = this;
    await journal.close();
    recovery.servers.stop();
    this.opened?.links.stop();
    this.opened?.connection.cut();
    await connection.close();
    if (journal.isEmpty) return;
    const held = [...journal.counts()].map(([cache, count]) => `${count} of '${cache}'`);
    this.parts.log.warn(
      `Invalidations that failed were not made up for: ${held.join(', ')}. What they concern ` +
        'may be out of date until it expires.',
    );
  }

  private openReplicas(): Replicas | undefined {
    const connection = this.connection.replicas();
    if (connection === undefined) return undefined;
    const { clock, log, storeMs } = this.parts;
    const words = { what: 'A replica', instead: 'Reading from the primary' };
    const outages = new OutageLog(log, clock, words);
    // Which of a primary's replicas answers does not matter: nothing they say depends on who did before.
    const watch = () =>
      new WatchedServer({
        clock,
        random: Math.random,
        patience: new Deadline(readWaitOf(storeMs), clock),
        onChange: (state) => {
          // A replica that reads its data, or joins, is none that fails; told with a later probe if it does.
          if (state.kind === 'open' && !connection.awaitsReplica)
            outages.down(withAdvice(state.why));
          if (state.kind === 'closed') outages.up();
        },
        send: (send) => connection.exchange(send),
        compare: async () => undefined,
      });
    const links = new WatchedServers(connection, watch);
    const ignore = () => undefined;
    connection.watch({
      made: () => outages.up(),
      lost: ignore,
      failed: (why) => outages.down(withAdvice(why)),
      moved: ignore,
    });
    return { connection, links };
  }

  private changed(state: BreakerState, place: string): void {
    const { namespace } = this.parts;
    if (state.kind === 'open') {
      // A client of ours says why it is gone, or is back before it has.
      if (state.why !== LOST || !this.connection.owned)
        this.outages.down(withAdvice(`${state.why}${place && ` (${place})`}`));
    }
    if (state.kind === 'closed') {
      if (this.recovery.isUp) this.outages.up();
      void this.journal.replay();
    }
    if (!cacheChannels.breaker.hasSubscribers) return;
    const why = state.kind === 'closed' ? {} : { why: state.why };
    const server = place === '' ? {} : { server: place };
    publish('breaker', { namespace, state: state.kind, ...why, ...server });
  }

  /** Its entries may be older than evictions that were acknowledged: all caches begin anew. */
  private reborn(): void {
    const { log, forget } = this.parts;
    log.log('Another server answers, or the same was started anew: clearing the caches in it.');
    forget();
    this.journal.noteAll();
    if (this.recovery.isUp) void this.journal.replay();
  }
}
