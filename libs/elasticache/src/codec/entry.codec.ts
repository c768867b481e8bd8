import type { Entry } from '../entry/cache.entry.js';
import {
  bearTags,
  type EntryVersions,
  readTags,
  standsAt,
  tagsBytes,
  TOKEN_BYTES,
} from './entry.versions.js';
import { copyOf, isSound } from './value.walk.js';
import { CacheSerializationError } from '../errors/cache.errors.js';
import {
  compress,
  decompress,
  DEFAULT_THRESHOLD,
  type CompressionAlgorithm,
} from './compression.js';
import { jsonSerializer } from './json.serializer.js';
import { msgpackSerializer } from './msgpack.serializer.js';
import type {
  BuiltInSerializer,
  CompressionOptions,
  Serializer,
  SerializerName,
} from './serializer.js';
import type { Sealing } from './sealing.js';
import { MAX_DEPTH, refusalOf } from './value.refusal.js';

/*
 * The envelope: what the shared tier holds of one entry.
 *
 *   0      version of this format, 0xE2 (0xE1 bore no versions, and cannot be trusted)
 *   1      flags: bit 0, the value is a list of emissions; bits 1-2, compression (1 gzip, 2 brotli, 3 zstd);
 *          bit 3, the payload is sealed
 *   2      serializer of the payload: 1 msgpack, 2 json, 127 the user's own
 *   3-10   createdAt, milliseconds since the epoch, float64, big-endian
 *   11-18  expiresAt, likewise
 *   19-34  version of the cache, ASCII
 *   35-38  length of the tags' part, uint32, big-endian
 *   39-    the tags, each its length (uint16), its UTF-8 and its version; see entry.versions.ts
 *   then   the payload, compressed as the flags say, and sealed; see sealing.ts
 *
 * The bytes say how they were made, so changing `serializer` or `compression` needs no new `version`:
 * old entries are read until they expire. Only a custom serializer's bytes need that serializer.
 *
 * Two versions of the library may share a server while one is rolled out, so a released layout never
 * changes; `test/wire` keeps payloads of each. Whatever else is found (another version, unknown flags,
 * another program's value, half an entry) is one kind of error, CACHE_UNDECODABLE, which callers
 * treat as a miss. JSON.parse and msgpackr quote what they choke on, which may be a secret: their errors
 * are not attached, a custom serializer's is.
 *
 * Both directions are synchronous unless bytes are really compressed: most hits need no extra tick.
 */
const VERSION = 0xe2;
const CACHE_VERSION_AT = 19;
const TAGS_LENGTH_AT = CACHE_VERSION_AT + TOKEN_BYTES;
const HEADER_BYTES = TAGS_LENGTH_AT + 4;
const EMISSIONS = 0b001;
const COMPRESSION_SHIFT = 1;
const COMPRESSION = 0b110;
const SEALED = 0b1000;
const CUSTOM = 127;

/** By their number in byte 2. */
const builtIn: readonly [number, BuiltInSerializer][] = [
  [1, msgpackSerializer],
  [2, jsonSerializer],
];
const idOf: Readonly<Record<SerializerName, number>> = { msgpack: 1, json: 2 };

/** By their number in the flags. */
const algorithms: readonly (CompressionAlgorithm | undefined)[] = [
  undefined,
  'gzip',
  'brotli',
  'zstd',
];

/** About what a gigabit network brings while a read waits. */
const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

export interface EntryCodecOptions {
  /** Default `'msgpack'`. */
  readonly serializer?: SerializerName | Serializer;
  /** Default false. */
  readonly compression?: false | CompressionOptions;
  /** What a serialized value may take, before it is compressed and after it is unpacked; default 8 MiB. */
  readonly maxValueBytes?: number | undefined;
  /** Keys that seal payloads: the first those that are written, any those that are read. Default: none is sealed. */
  readonly sealing?: Sealing | undefined;
}

/** An envelope: what it bears is known before its payload is touched. */
export interface Envelope {
  readonly bytes: Buffer;
  readonly payloadAt: number;
  /** The full key it stood under; needed where payloads are sealed. */
  key?: string;
}

/** Whether the entry bears this version of the cache. Compared in place: nothing is made of it for a hit. */
export function bearsVersion({ bytes }: Envelope, version: Buffer | null): boolean {
  return version?.length === TOKEN_BYTES && standsAt(bytes, CACHE_VERSION_AT, version);
}

/** What goes into an envelope beside the payload. */
interface Content {
  readonly entry: Entry;
  readonly versions: EntryVersions;
  /** As in {@link Envelope}. */
  readonly key?: string;
}

/** Entries to bytes and back. `where` names the cache and the operation in errors. */
export class EntryCodec {
  private readonly serializers = new Map<number, BuiltInSerializer>(builtIn);
  private readonly serializerId: number;
  private readonly compression: Required<CompressionOptions>;
  private readonly sealing: Sealing | undefined;
  private readonly maxBytes: number;

  constructor({
    serializer = 'msgpack',
    compression = false,
    maxValueBytes = DEFAULT_MAX_BYTES,
    sealing,
  }: EntryCodecOptions = {}) {
    this.sealing = sealing;
    this.maxBytes = maxValueBytes;
    if (typeof serializer !== 'string') this.serializers.set(CUSTOM, serializer);
    this.serializerId = typeof serializer === 'string' ? idOf[serializer] : CUSTOM;
    const threshold = compression === false ? Number.POSITIVE_INFINITY : DEFAULT_THRESHOLD;
    this.compression = { algorithm: 'gzip', threshold, ...compression };
  }

  /** Whether payloads are sealed: under which key they stand has to be said then. */
  get seals(): boolean {
    return this.sealing !== undefined;
  }

  /** @throws CacheSerializationError (`CACHE_SERIALIZATION`), at once or by rejection. */
  encode(content: Content, where: string): Buffer | Promise<Buffer> {
    // A custom serializer may make less of it.
    const least = this.serializerId === CUSTOM ? 0 : leastBytes(content.entry.value);
    if (least > this.maxBytes) throw tooLarge(where, least, this.maxBytes);
    const payload = this.serialize(content.entry.value, where);
    if (payload.length > this.maxBytes) throw tooLarge(where, payload.length, this.maxBytes);
    return payload.length < this.compression.threshold
      ? this.close(content, payload)
      : this.closeCompressed(content, payload, where);
  }

  /** A value as a hit would bring it. Throws as {@link encode}. */
  copy(value: unknown, where: string): unknown {
    if (this.serializerId !== CUSTOM) return copyOf(value, where);
    const payload = this.serialize(value, where);
    try {
      return this.serializers.get(CUSTOM)!.deserialize(payload);
    } catch (cause) {
      throw undecodable(where, 'the serializer does not read what it wrote', cause);
    }
  }

  /**
   * The entry of an envelope; its tags are known by then.
   *
   * @throws CacheSerializationError (`CACHE_UNDECODABLE`), at once or by rejection.
   */
  decode(envelope: Envelope, tags: readonly string[], where: string): Entry | Promise<Entry> {
    const { bytes, payloadAt } = envelope;
    const flags = bytes[1]!;
    if (this.sealing !== undefined) return this.decodeSealed(envelope, tags, where);
    if (flags <= EMISSIONS) return this.read(envelope, tags, { bytes, from: payloadAt, where });
    if (flags >= SEALED) throw undecodable(where, flagsProblem(flags));
    return this.readCompressed(envelope, tags, { bytes: payloadOf(envelope), where });
  }

  /** A payload that is not sealed is not believed: whoever can write to the server could have made it. */
  private decodeSealed(
    envelope: Envelope,
    tags: readonly string[],
    where: string,
  ): Entry | Promise<Entry> {
    const { bytes, payloadAt, key = '' } = envelope;
    const flags = bytes[1]!;
    if (flags < SEALED || flags >= 2 * SEALED) throw undecodable(where, 'the value is not sealed');
    const place = { header: bytes.subarray(0, payloadAt), key };
    const payload = this.sealing!.open(payloadOf(envelope), place);
    if (payload === undefined) throw undecodable(where, 'the seal is not of this key and server');
    const read = { bytes: payload, where };
    return flags & COMPRESSION
      ? this.readCompressed(envelope, tags, read)
      : this.read(envelope, tags, { ...read, from: 0 });
  }

  private serialize(value: unknown, where: string): Uint8Array {
    let payload: unknown;
    try {
      payload = this.serializers.get(this.serializerId)!.serialize(value);
    } catch (cause) {
      if (this.serializerId !== CUSTOM) throw refusalOf(value, where, cause);
      throw unserializable(where, 'was refused by the serializer', cause);
    }
    if (payload instanceof Uint8Array) return payload;
    throw unserializable(where, 'was made something other than bytes by the serializer');
  }

  private close(
    { entry, versions, key = '' }: Content,
    payload: Uint8Array,
    algorithm?: CompressionAlgorithm,
  ): Buffer {
    const { sealing } = this;
    const tags = tagsBytes(versions.tags);
    const payloadAt = HEADER_BYTES + tags.length;
    const closed = Buffer.allocUnsafe(payloadAt + (sealing === undefined ? payload.length : 0));
    closed[0] = VERSION;
    closed[1] =
      (entry.emissions ? EMISSIONS : 0) |
      (algorithms.indexOf(algorithm) << COMPRESSION_SHIFT) |
      (sealing === undefined ? 0 : SEALED);
    closed[2] = this.serializerId;
    closed.writeDoubleBE(entry.createdAt, 3);
    closed.writeDoubleBE(entry.expiresAt, 11);
    closed.write(versions.cache, CACHE_VERSION_AT, TOKEN_BYTES, 'latin1');
    closed.writeUInt32BE(tags.length, TAGS_LENGTH_AT);
    closed.set(tags, HEADER_BYTES);
    if (sealing !== undefined) {
      return Buffer.concat([closed, sealing.seal(payload, { header: closed, key })]);
    }
    closed.set(payload, payloadAt);
    return closed;
  }

  private async closeCompressed(
    content: Content,
    payload: Uint8Array,
    where: string,
  ): Promise<Buffer> {
    const { algorithm } = this.compression;
    const compressed = await compress(algorithm, payload).catch((cause: unknown) => {
      throw unserializable(where, 'could not be compressed', cause);
    });
    return compressed.length < payload.length
      ? this.close(content, compressed, algorithm)
      : this.close(content, payload);
  }

  /**
   * Finds the parts of an envelope.
   *
   * @throws CacheSerializationError (`CACHE_UNDECODABLE`)
   */
  open(bytes: Buffer, where: string): Envelope {
    if (bytes[0] !== VERSION) throw undecodable(where, 'not of this format, or of another version');
    if (bytes.length < HEADER_BYTES) throw undecodable(where, 'they end within the header');
    const payloadAt = HEADER_BYTES + bytes.readUInt32BE(TAGS_LENGTH_AT);
    if (payloadAt > bytes.length) throw undecodable(where, 'the tags are damaged');
    return { bytes, payloadAt };
  }

  private read(
    envelope: Envelope,
    tags: readonly string[],
    { bytes, from, where }: { bytes: Uint8Array; from: number; where: string },
  ): Entry {
    const header = envelope.bytes;
    const serializer = this.serializers.get(header[2]!);
    if (serializer === undefined) {
      throw undecodable(where, 'written by a serializer that this cache does not have');
    }
    const createdAt = header.readDoubleBE(3);
    const expiresAt = header.readDoubleBE(11);
    if (Number.isNaN(createdAt + expiresAt)) throw undecodable(where, 'the header is damaged');
    const emissions = (header[1]! & EMISSIONS) !== 0;
    let value: unknown;
    try {
      value =
        header[2] === CUSTOM
          ? serializer.deserialize(bytes.subarray(from))
          : serializer.deserialize(bytes, from);
    } catch (cause) {
      const shown = header[2] === CUSTOM ? cause : undefined;
      throw undecodable(where, 'the payload is damaged', shown);
    }
    // A level takes a byte at least, and msgpackr makes no such key: most payloads of its need no walk.
    const isBrief = header[2] === idOf.msgpack && bytes.length - from <= MAX_DEPTH;
    if (header[2] !== CUSTOM && !isBrief && !isSound(value)) {
      const problem = `the value is nested deeper than ${MAX_DEPTH} levels, or has a key __proto__`;
      throw undecodable(where, problem);
    }
    if (!emissions && tags.length === 0) return { value, createdAt, expiresAt };
    if (emissions && !Array.isArray(value)) {
      throw undecodable(where, 'the emissions are not a list');
    }
    return {
      value,
      createdAt,
      expiresAt,
      ...(emissions && { emissions }),
      ...(tags.length > 0 && { tags }),
    };
  }

  private async readCompressed(
    envelope: Envelope,
    tags: readonly string[],
    { bytes, where }: { bytes: Uint8Array; where: string },
  ): Promise<Entry> {
    const algorithm = algorithms[(envelope.bytes[1]! & COMPRESSION) >> COMPRESSION_SHIFT]!;
    const payload = await decompress(algorithm, bytes, this.maxBytes).catch((cause: unknown) => {
      throw undecodable(where, 'the payload could not be decompressed', cause);
    });
    return this.read(envelope, tags, { bytes: payload, from: 0, where });
  }
}

/** What a value takes at least, as far as it can be seen without a look at its parts. */
function leastBytes(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return ArrayBuffer.isView(value) ? value.byteLength : 0;
}

function flagsProblem(flags: number): string {
  return flags < 2 * SEALED
    ? 'the value is sealed, and this cache has no key'
    : 'the header is damaged';
}

function unserializable(where: string, problem: string, cause?: unknown): CacheSerializationError {
  return new CacheSerializationError('CACHE_SERIALIZATION', { where, path: '$', problem }, cause);
}

function tooLarge(where: string, bytes: number, most: number): CacheSerializationError {
  return unserializable(where, `takes at least ${bytes} bytes, more than maxValueBytes (${most})`);
}

function undecodable(where: string, problem: string, cause?: unknown): CacheSerializationError {
  return new CacheSerializationError('CACHE_UNDECODABLE', { where, problem }, cause);
}

/** Whether it bears these tags alone, in this order, each with its version as it stands. */
export function bearsTags(
  { bytes, payloadAt }: Envelope,
  tags: readonly string[],
  versions: readonly (Buffer | null)[],
): boolean {
  return bearTags(bytes, [HEADER_BYTES, payloadAt], { tags, versions });
}

/** Whether it bears no tags. */
export function isUntagged({ payloadAt }: Envelope): boolean {
  return payloadAt === HEADER_BYTES;
}

/** Each tag it bears with its version; undefined where the bytes are no list of tags. */
export function tagsOf({ bytes, payloadAt }: Envelope) {
  return readTags(bytes, HEADER_BYTES, payloadAt);
}

function payloadOf({ bytes, payloadAt }: Envelope): Buffer {
  return bytes.subarray(payloadAt);
}
