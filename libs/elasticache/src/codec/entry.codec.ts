import type { Entry } from '../entry/cache.entry.js';
import {
  bearTags,
  type EntryVersions,
  readTags,
  standsAt,
  tagsBytes,
  TOKEN_BYTES,
} from './entry.versions.js';
import { copyOf } from './value.walk.js';
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
import { refusalOf } from './value.refusal.js';

/*
 * The envelope: what the shared tier holds of one entry.
 *
 *   0      version of this format, 0xE2 (0xE1 bore no versions, and cannot be trusted)
 *   1      flags: bit 0, the value is a list of emissions; bits 1-2, compression (1 gzip, 2 brotli, 3 zstd)
 *   2      serializer of the payload: 1 msgpack, 2 json, 127 the user's own
 *   3-10   createdAt, milliseconds since the epoch, float64, big-endian
 *   11-18  expiresAt, likewise
 *   19-34  version of the cache, ASCII
 *   35-38  length of the tags' part, uint32, big-endian
 *   39-    the tags, each its length (uint16), its UTF-8 and its version; see entry.versions.ts
 *   then   the payload, compressed as the flags say
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

export interface EntryCodecOptions {
  /** Default `'msgpack'`. */
  readonly serializer?: SerializerName | Serializer;
  /** Default false. */
  readonly compression?: false | CompressionOptions;
}

/** An envelope: what it bears is known before its payload is touched. */
export interface Envelope {
  readonly bytes: Buffer;
  readonly payloadAt: number;
}

/** Whether the entry bears this version of the cache. Compared in place: nothing is made of it for a hit. */
export function bearsVersion({ bytes }: Envelope, version: Buffer | null): boolean {
  return version?.length === TOKEN_BYTES && standsAt(bytes, CACHE_VERSION_AT, version);
}

/** What goes into an envelope beside the payload. */
interface Sealed {
  readonly entry: Entry;
  readonly versions: EntryVersions;
}

/** Entries to bytes and back. `where` names the cache and the operation in errors. */
export class EntryCodec {
  private readonly serializers = new Map<number, BuiltInSerializer>(builtIn);
  private readonly serializerId: number;
  private readonly compression: Required<CompressionOptions>;

  constructor({ serializer = 'msgpack', compression = false }: EntryCodecOptions = {}) {
    if (typeof serializer !== 'string') this.serializers.set(CUSTOM, serializer);
    this.serializerId = typeof serializer === 'string' ? idOf[serializer] : CUSTOM;
    const threshold = compression === false ? Number.POSITIVE_INFINITY : DEFAULT_THRESHOLD;
    this.compression = { algorithm: 'gzip', threshold, ...compression };
  }

  /** @throws CacheSerializationError (`CACHE_SERIALIZATION`), at once or by rejection. */
  encode(entry: Entry, versions: EntryVersions, where: string): Buffer | Promise<Buffer> {
    const payload = this.serialize(entry.value, where);
    const sealed = { entry, versions };
    return payload.length < this.compression.threshold
      ? this.seal(sealed, payload)
      : this.sealCompressed(sealed, payload, where);
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
    if (flags <= EMISSIONS) return this.read(envelope, tags, { bytes, from: payloadAt, where });
    const algorithm = algorithms[flags >> COMPRESSION_SHIFT];
    if (algorithm === undefined) throw undecodable(where, 'the header is damaged');
    return this.readCompressed(envelope, tags, { algorithm, where });
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

  private seal(
    { entry, versions }: Sealed,
    payload: Uint8Array,
    algorithm?: CompressionAlgorithm,
  ): Buffer {
    const tags = tagsBytes(versions.tags);
    const sealed = Buffer.allocUnsafe(HEADER_BYTES + tags.length + payload.length);
    sealed[0] = VERSION;
    sealed[1] =
      (entry.emissions ? EMISSIONS : 0) | (algorithms.indexOf(algorithm) << COMPRESSION_SHIFT);
    sealed[2] = this.serializerId;
    sealed.writeDoubleBE(entry.createdAt, 3);
    sealed.writeDoubleBE(entry.expiresAt, 11);
    sealed.write(versions.cache, CACHE_VERSION_AT, TOKEN_BYTES, 'latin1');
    sealed.writeUInt32BE(tags.length, TAGS_LENGTH_AT);
    sealed.set(tags, HEADER_BYTES);
    sealed.set(payload, HEADER_BYTES + tags.length);
    return sealed;
  }

  private async sealCompressed(
    sealed: Sealed,
    payload: Uint8Array,
    where: string,
  ): Promise<Buffer> {
    const { algorithm } = this.compression;
    const compressed = await compress(algorithm, payload).catch((cause: unknown) => {
      throw unserializable(where, 'could not be compressed', cause);
    });
    return compressed.length < payload.length
      ? this.seal(sealed, compressed, algorithm)
      : this.seal(sealed, payload);
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
    { algorithm, where }: { algorithm: CompressionAlgorithm; where: string },
  ): Promise<Entry> {
    const payload = await decompress(algorithm, payloadOf(envelope)).catch((cause: unknown) => {
      throw undecodable(where, 'the payload could not be decompressed', cause);
    });
    return this.read(envelope, tags, { bytes: payload, from: 0, where });
  }
}

function unserializable(where: string, problem: string, cause?: unknown): CacheSerializationError {
  return new CacheSerializationError('CACHE_SERIALIZATION', { where, path: '$', problem }, cause);
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
