import { AsyncLocalStorage } from 'node:async_hooks';

import type { Entry } from '../entry/cache.entry.js';
import type { Flight } from './flight.js';
import type { Inheritance, TagSource } from './inheritance.js';

/*
 * Which load the running code is part of.
 *
 * A loader may read the very key it loads: `super.find()` inside an override, a batch method that
 * calls the single one, a programmatic read-through inside a cached method. Joining the load in
 * flight would then be waiting for itself, for ever; and two loads may wait for each other through
 * two calls that know nothing of one another. So every flight knows what it waits for, and a call
 * does not join where that would close a circle: it loads for itself.
 *
 * The storage is switched off while no load runs: on Node before 24 it makes every promise of the
 * process dearer, those of hits included.
 */
const context = new AsyncLocalStorage<Flight>();
let running = 0;

/** Runs the load as the flight's, on behalf of the load it is part of; `ended` is told how. */
export function loading<T>(
  flight: Flight,
  load: () => Promise<T>,
  ended: (failed: boolean) => void = () => undefined,
): Promise<T> {
  const outer = current();
  if (outer !== undefined) (outer.waitsFor ??= new Set()).add(flight);
  running++;
  for (const one of [flight, ...(flight.members ?? [])]) one.isBegun = true;
  const end = (failed: boolean) => {
    outer?.waitsFor?.delete(flight);
    if (--running === 0) context.disable();
    ended(failed);
  };
  return context.run(flight, load).then(
    (loaded) => {
      end(false);
      return loaded;
    },
    (error: unknown) => {
      end(true);
      throw error;
    },
  );
}

/** Whether the running code is part of a load. */
export function isLoading(): boolean {
  return running > 0 && context.getStore() !== undefined;
}

/** Runs what is no part of the load, though begun in it. */
export function outsideOfLoads<T>(work: () => T): T {
  return running > 0 ? context.exit(work) : work();
}

/** The load that the running code is part of; not one that is over, whatever it has left running. */
function current(): Flight | undefined {
  const flight = running > 0 ? context.getStore() : undefined;
  return flight?.isOver ? undefined : flight;
}

/** The load that is running is made of this entry, too. */
export function inherit(entry: Pick<Entry, 'tags' | 'borne'>, source: TagSource): void {
  if (running > 0) inheritWithin(entry, source);
}

function inheritWithin(entry: Pick<Entry, 'tags' | 'borne'>, source: TagSource): void {
  if (entry.tags?.length) current()?.inheritance.add(entry, source);
}

/** The load that is running is made of what another has brought. */
export function inheritFrom(inheritance: Inheritance): void {
  if (!inheritance.isEmpty) current()?.inheritance.addAll(inheritance);
}

/** Whether the load that is running is one of these. */
export function isPartOf(flight: Flight | undefined): boolean {
  const outer = current();
  return outer !== undefined && flight !== undefined && (outer === flight || outer.stands(flight));
}

/** Runs what comes later as part of the load that is running now, if there is one. */
export function inThisLoad(): (work: () => void) => void {
  const outer = current();
  return (work) => (outer === undefined ? outsideOfLoads(work) : context.run(outer, work));
}

/** Waits for another's flight, as part of the load that is running, which is made of what it brings. */
export async function waiting<T>(flight: Flight, landing: Promise<T>): Promise<T> {
  const outer = current();
  if (outer === undefined) return landing;
  (outer.waitsFor ??= new Set()).add(flight);
  let isOfUse = true;
  try {
    const landed = await landing;
    isOfUse = landed !== undefined;
    return landed;
  } finally {
    outer.waitsFor.delete(flight);
    if (isOfUse) inheritFrom(flight.inheritance);
  }
}

/** Whether the flight waits, over however many others, for the load that is running. */
export function isWaitingForUs(flight: Flight): boolean {
  const outer = context.getStore();
  return outer !== undefined && waitsFor(flight, outer, new Set());
}

function waitsFor(flight: Flight, sought: Flight, seen: Set<Flight>): boolean {
  if (flight === sought) return true;
  if (seen.has(flight)) return false;
  seen.add(flight);
  return [...(flight.waitsFor ?? [])].some((next) => waitsFor(next, sought, seen));
}
