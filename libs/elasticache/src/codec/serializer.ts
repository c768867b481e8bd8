/**
 * Turns values into bytes and back, for the shared tier. Both directions are synchronous; either may throw.
 *
 * @example
 * const v8: Serializer = { serialize: (value) => serialize(value), deserialize: (bytes) => deserialize(bytes) };
 */
export interface Serializer {
  serialize(value: unknown): Uint8Array;
  deserialize(bytes: Uint8Array): unknown;
}

/** The serializers that come with the library. */
export type SerializerName = 'msgpack' | 'json';

/** Compression of stored values, above a threshold and only where it makes them smaller. */
export interface CompressionOptions {
  /** Default `'gzip'`. `'zstd'` where the runtime has it (Node 22.15), else a fault at start-up. */
  readonly algorithm?: 'gzip' | 'brotli' | 'zstd';
  /** Bytes below which a value is stored as it is; default 1,024. */
  readonly threshold?: number;
}

/** One of ours: it reads from a place within the bytes on, as a part of them is dear to make. */
export interface BuiltInSerializer extends Serializer {
  deserialize(bytes: Uint8Array, from?: number): unknown;
}
