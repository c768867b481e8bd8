import { CacheError } from '../errors/cache.errors.js';

/**
 * What names an entry. An array is a tuple: `get([0, 20])` reads the entry of `find(0, 20)`; an
 * object's properties may come in any order; an instance of a class counts as its own properties.
 */
export type Key =
  | string
  | number
  | bigint
  | boolean
  | Date
  | readonly (Key | null | undefined)[]
  | { readonly [name: string]: Key | null | undefined };

/*
 * The grammar, which is injective (-0 equals 0, a hole equals undefined):
 *
 *   key     = part | part ":" part *( ":" part )         a tuple of two parts or more has no brackets
 *   part    = text | number | bigint "n" | "true" | "false" | "null" | "undefined" | "@" date | array | object
 *   array   = "[" [ part *( ":" part ) ] "]"
 *   object  = "[?" [ name "=" part *( ":" name "=" part ) ] "]"        names in the order of their code units
 *   text    = what the string holds, each character of RESERVED percent-encoded
 *
 * A text that reads as another type bears a leading `'`; so does the empty text as an array's only
 * part, since `[]` is the empty array. RESERVED holds every delimiter, and what Redis Cluster (braces)
 * and MATCH patterns read, so no value reaches past its own part.
 */
const RESERVED = /[:{}*?[\]\\%\s\p{Cc}\p{Cs}]/gu;
const READS_AS_ANOTHER_TYPE = /^(?:[@']|(?:true|false|null|undefined|-?\d+n)$)/;

/** Finds every text that is not its own encoding, and a few that are: the one test on the hot path. */
const NEEDS_CARE =
  /[:{}*?[\]\\%\s\p{Cc}\p{Cs}]|^(?:[@']|(?:true|false|null|undefined|NaN|-?Infinity|-?\d[\d.e+-]*n?)$)/u;

/** Bounds the recursion, and with it a cycle. */
const MAX_DEPTH = 64;

/** How far the walk into a key has come: for messages, and for the depth. */
interface Walk {
  readonly where: string;
  readonly trail: (string | number)[];
}

/** The text of an explicit key. `where` names the operation in the CACHE_KEY error of what cannot be one. */
export function encodeKey(key: unknown, where: string): string {
  if (typeof key === 'number') return String(key);
  if (typeof key === 'string') return textOf(key);
  if (Array.isArray(key)) return tupleOf(key, { where, trail: [] });
  return encodePart(key, where);
}

/**
 * The text of the arguments of a method that names no key: a single one that is not an array
 * stands for itself, otherwise their tuple; trailing undefined counts as absent.
 */
export function defaultKey(args: readonly unknown[], where: string): string {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) length--;
  const [first] = args;
  if (length === 1 && first === null) return 'null';
  if (length === 1 && !Array.isArray(first)) return encodeKey(first, where);
  return tupleOf(args.slice(0, length), { where, trail: [] });
}

/** The text of one part of a tuple: as {@link encodeKey}, but a tuple is in brackets whatever its length. */
export function encodePart(part: unknown, where: string): string {
  const walk = { where, trail: [] };
  if (part === undefined || part === null) throw fault(walk, `is ${part}`);
  return partOf(part, walk);
}

/** Percent-encodes what could leave its segment or be taken for a wildcard; no mark, as no other type can stand there. */
export function encodeSegment(text: string): string {
  return text.replace(RESERVED, encodeCharacter);
}

function encodeCharacter(character: string): string {
  if (character === '*') return '%2A'; // encodeURIComponent leaves it
  const unit = character.charCodeAt(0);
  const isLoneSurrogate = unit >= 0xd800 && unit <= 0xdfff;
  return isLoneSurrogate ? `%u${unit.toString(16).toUpperCase()}` : encodeURIComponent(character);
}

function textOf(text: string): string {
  if (!NEEDS_CARE.test(text)) return text;
  const isMarked = READS_AS_ANOTHER_TYPE.test(text) || String(Number(text)) === text;
  return isMarked ? `'${encodeSegment(text)}` : encodeSegment(text);
}

function partOf(part: unknown, walk: Walk): string {
  switch (typeof part) {
    case 'string':
      return textOf(part);
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(part);
    case 'bigint':
      return `${part}n`;
    case 'object':
      return part === null ? 'null' : structureOf(part, walk);
    default:
      throw fault(walk, `is a ${typeof part}`);
  }
}

function tupleOf(parts: readonly unknown[], walk: Walk): string {
  return parts.length > 1 ? partsOf(parts, walk) : arrayOf(parts, walk);
}

function arrayOf(parts: readonly unknown[], walk: Walk): string {
  return parts.length === 1 && parts[0] === '' ? "[']" : `[${partsOf(parts, walk)}]`;
}

function partsOf(parts: readonly unknown[], walk: Walk): string {
  let text = '';
  for (let i = 0; i < parts.length; i++) {
    walk.trail.push(i);
    text += (i === 0 ? '' : ':') + partOf(parts[i], walk);
    walk.trail.pop();
  }
  return text;
}

function structureOf(structure: object, walk: Walk): string {
  try {
    return readStructure(structure, walk);
  } catch (error) {
    if (error instanceof CacheError) throw error;
    throw fault(walk, 'cannot be read: a getter of it throws, or it is not what it says');
  }
}

function readStructure(structure: object, walk: Walk): string {
  if (walk.trail.length >= MAX_DEPTH) {
    throw fault(walk, `is nested deeper than ${MAX_DEPTH} levels, or in a cycle`);
  }
  if (Array.isArray(structure)) return arrayOf(structure, walk);
  const tag = Object.prototype.toString.call(structure).slice(8, -1);
  if (tag === 'Date') return dateOf(structure as Date);
  const { then, pipe } = structure as { then?: unknown; pipe?: unknown };
  if (typeof then === 'function') throw fault(walk, 'is a promise');
  if (typeof pipe === 'function') throw fault(walk, 'is a stream');
  if (tag !== 'Object') throw fault(walk, `is ${/^[AEI]/.test(tag) ? 'an' : 'a'} ${tag}`);
  return objectOf(structure as Readonly<Record<string, unknown>>, walk);
}

function dateOf(date: Date): string {
  return Number.isNaN(date.getTime()) ? '@NaN' : `@${encodeSegment(date.toISOString())}`;
}

function objectOf(object: Readonly<Record<string, unknown>>, walk: Walk): string {
  const names = Object.keys(object).sort();
  // Such as an ObjectId, or a value object with `#private` fields: all of a class would share one entry.
  if (names.length === 0 && hasHiddenState(object)) throw fault(walk, 'keeps its state to itself');
  const properties = names.map((name) => {
    walk.trail.push(name);
    const property = `${nameOf(name)}=${partOf(object[name], walk)}`;
    walk.trail.pop();
    return property;
  });
  return `[?${properties.join(':')}]`;
}

/** Whether an object without properties of its own has ways to tell more than nothing. A DTO with nothing set has none. */
function hasHiddenState(object: object): boolean {
  if (Object.getOwnPropertySymbols(object).length > 0) return true;
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype === null || prototype === Object.prototype) return false;
  const members = Reflect.ownKeys(prototype).filter((name) => name !== 'constructor');
  return members.length > 0 || hasHiddenState(prototype);
}

function nameOf(name: string): string {
  return /^\w+$/.test(name) ? name : encodeSegment(name).replaceAll('=', '%3D');
}

/** Shows the way to the culprit, never a value; a name that is no identifier may itself be data. */
function fault({ where, trail }: Walk, problem: string): CacheError {
  const path = trail.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    return /^[a-z_$][\w$]{0,63}$/i.test(step) ? `.${step}` : '[…]';
  });
  const subject = path.length === 0 ? 'the key' : `the key's part ${path.join('')}`;
  return new CacheError('CACHE_KEY', { where, problem: `${subject} ${problem}` });
}
