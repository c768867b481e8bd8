import { Observable } from 'rxjs';

import type { CacheFamily } from '../cache/cache.family.js';
import type { TagEvictions } from '../cache/tag.evictions.js';
import type { TagNaming } from '../key/names.js';
import { tierProblem } from '../cache/operation.tiers.js';
import type { Fault } from '../errors/catalogue.js';
import { faultsIn } from './option.rules.js';
import { type CachedMethod, configOf, returnTypeOf } from './cache.metadata.js';
import {
  type CacheConfigOptions,
  type CacheOperation,
  decoratorNames,
  FromResult,
  type KeyGenerator,
  type OperationKind,
  type OptionsByKind,
  type OperationOptions,
} from './cache.operation.js';
import { assertOneScope } from './one.scope.js';
import { operationRules } from './operation.rules.js';
import { Step, type StepSettings } from './operation.step.js';
import { type Reviver, reviverOf } from './reviver.js';

/** What plans are made with: the application's part. */
export interface PlanSettings {
  readonly familyNamed: (name: string) => CacheFamily;
  readonly nameTags: TagNaming;
  readonly keyGenerator: KeyGenerator | undefined;
  readonly tags: TagEvictions;
}

/** One decorated method of one class in one application: its operations, sorted into the phases of a call. */
export interface MethodPlan {
  readonly method: CachedMethod;
  /** `ArticlesService.findOne`. */
  readonly where: string;
  readonly returns: 'promise' | 'observable';
  readonly cacheables: readonly Step<'cacheable'>[];
  readonly puts: readonly Step<'put'>[];
  readonly earlyEvicts: readonly Step<'evict'>[];
  readonly lateEvicts: readonly Step<'evict'>[];
  readonly many: Step<'many'> | undefined;
  /** The cache of a method with one operation on it and nothing else, so that a hit in memory is all there is to a call. */
  readonly plainFamily: CacheFamily | undefined;
  readonly reviver: Reviver;
  readonly tags: TagEvictions;
  /** Emissions of an Observable beyond which nothing is stored. */
  readonly maxEmissions: number;
}

const MAX_EMISSIONS = 1_000;

/** Types a method that returns a Promise or an Observable is never said to return. */
const NEVER_ASYNC: readonly unknown[] = [
  String,
  Number,
  Boolean,
  Array,
  Date,
  Map,
  Set,
  BigInt,
  Symbol,
];

/** @throws CacheError where an operation names a cache that may not be created */
export function planOf(method: CachedMethod, type: object, settings: PlanSettings): MethodPlan {
  const where = whereOf(method, type);
  const config = configOf(type);
  const stepsOf = <K extends OperationKind>(kind: K) =>
    method.operations
      .filter((operation) => operation.kind === kind)
      .map(({ options }) => {
        const site = { where: siteOf(kind, where), method: where };
        const own = { ...stepSettings(options, method, { config, settings }), ...site };
        return new Step(kind, options as OptionsByKind[K], own);
      });
  const cacheables = stepsOf('cacheable');
  assertOneScope(
    where,
    cacheables.flatMap(({ options, families }) => (options.condition ? [] : (families ?? []))),
  );
  const puts = stepsOf('put');
  const evicts = stepsOf('evict');
  const [many] = stepsOf('many');
  const revived = [...cacheables, ...(many ? [many] : [])].find(({ options }) => options.type);
  const limits = [...cacheables, ...puts].map(
    ({ options }) => options.maxEmissions ?? MAX_EMISSIONS,
  );
  const returns = isObservable(method) ? 'observable' : 'promise';
  const [read] = [...cacheables, ...(many ? [many] : [])];
  const isAlone = method.operations.length === 1 && returns === 'promise';
  return {
    method,
    where,
    returns,
    plainFamily: isAlone && read ? plainFamilyOf(read) : undefined,
    cacheables,
    puts,
    earlyEvicts: evicts.filter(({ options }) => options.beforeInvocation),
    lateEvicts: evicts.filter(({ options }) => !options.beforeInvocation),
    many,
    tags: settings.tags,
    reviver: reviverOf(revived?.options.type, where),
    maxEmissions: limits.length > 0 ? Math.min(...limits) : MAX_EMISSIONS,
  };
}

const MORE_THAN_PLAIN = [
  'condition',
  'type',
  'memory',
  'shared',
  'staleWhileRevalidate',
  'staleIfError',
  'refreshAhead',
] as const;

function plainFamilyOf({ options, families }: Step<'cacheable' | 'many'>) {
  const isPlain = MORE_THAN_PLAIN.every((option) => options[option] === undefined);
  const [family, ...others] = families ?? [];
  return isPlain && others.length === 0 ? family : undefined;
}

/** What is wrong with the decorators of one method, whatever its calls will be. */
export function faultsOf(method: CachedMethod, type: object): Fault[] {
  const path = whereOf(method, type);
  const config = configOf(type);
  const faults = method.operations.flatMap((operation) => {
    const at = siteOf(operation.kind, path);
    const own = faultsIn(operation.options, operationRules[operation.kind]).map((fault) => ({
      path: `${at}: ${fault.path}`,
      message: fault.message,
    }));
    return [
      ...own,
      ...operationFaults(operation, config).map((message) => ({ path: at, message })),
    ];
  });
  return [...faults, ...methodFaults(method).map((message) => ({ path, message }))];
}

export function whereOf({ name }: CachedMethod, type: object): string {
  return `${(type as { name: string }).name}.${name}`;
}

/** `@Cacheable on ArticlesService.findOne`. */
function siteOf(kind: OperationKind, where: string): string {
  return `${decoratorNames[kind]} on ${where}`;
}

/** The caches an operation names: its own, else its class's. */
export function cacheNamesOf(options: OperationOptions, config: CacheConfigOptions): string[] {
  const own = [options.cacheNames ?? []].flat();
  return [...new Set(own.length > 0 ? own : [config.cacheNames ?? []].flat())];
}

function stepSettings(
  options: OperationOptions,
  { name }: CachedMethod,
  { config, settings }: { config: CacheConfigOptions; settings: PlanSettings },
): Omit<StepSettings, 'where' | 'method'> {
  return {
    methodName: name,
    cacheNames: cacheNamesOf(options, config),
    cacheResolver: options.cacheResolver ?? config.cacheResolver,
    keyGenerator: options.keyGenerator ?? config.keyGenerator ?? settings.keyGenerator,
    familyNamed: settings.familyNamed,
    nameTags: settings.nameTags,
  };
}

function operationFaults({ kind, options }: CacheOperation, config: CacheConfigOptions): string[] {
  const given = options as Record<string, unknown>;
  const faults: string[] = [];
  const exclude = (option: string, others: readonly string[]) => {
    const clash = others.filter((other) => given[other] !== undefined && given[other] !== false);
    if (given[option] !== undefined && given[option] !== false && clash.length > 0) {
      faults.push(`\`${option}\` and \`${clash.join('`, `')}\` exclude each other: give one`);
    }
  };
  exclude('key', ['keyGenerator', 'allEntries', 'pattern']);
  exclude('allEntries', ['pattern']);
  if (kind === 'evict') exclude('tags', ['key', 'keyGenerator', 'allEntries', 'pattern']);
  exclude('keys', ['keyGenerator']);
  const problem = kind === 'evict' ? undefined : tierProblem(given);
  if (problem !== undefined) faults.push(`\`shared\`: ${problem}`);
  if (kind === 'evict' && options.beforeInvocation) {
    const late = Object.keys(given).filter((name) => given[name] instanceof FromResult);
    if (late.length > 0)
      faults.push(
        `\`${late.join('`, `')}\` needs the result, which beforeInvocation does not wait for`,
      );
  }
  const isOfAllCaches = kind === 'evict' && options.tags !== undefined;
  if (
    !isOfAllCaches &&
    (options.cacheResolver ?? config.cacheResolver) === undefined &&
    cacheNamesOf(options, config).length === 0
  ) {
    faults.push('names no cache: give cacheNames here or in @CacheConfig, or a cacheResolver');
  }
  return faults;
}

function methodFaults(method: CachedMethod): string[] {
  const kinds = method.operations.map(({ kind }) => kind);
  const returned = returnTypeOf(method);
  const faults: string[] = [];
  if (NEVER_ASYNC.includes(returned)) {
    faults.push(
      `returns ${(returned as { name: string }).name}: a cached method returns a Promise or an Observable`,
    );
  }
  if (
    kinds.includes('many') &&
    kinds.some((kind, i) => kind !== 'evict' && i !== kinds.indexOf('many'))
  ) {
    faults.push(
      '@CacheableMany stands alone: of the other operations only @CacheEvict goes with it',
    );
  }
  if (kinds.includes('many') && isObservable(method)) {
    faults.push('@CacheableMany needs a method that returns a Promise');
  }
  return faults;
}

function isObservable(method: CachedMethod): boolean {
  const marked = method.operations.some(({ options }) => 'returns' in options && options.returns);
  return marked || isObservableType(returnTypeOf(method));
}

function isObservableType(type: unknown): boolean {
  if (typeof type !== 'function') return false;
  return type === Observable || type.prototype instanceof Observable;
}
