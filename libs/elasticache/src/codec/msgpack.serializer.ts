/// <reference lib="es2024.string" />
import { Packr, RESERVE_START_SPACE } from 'msgpackr/pack';
import { tagged, taggedLeaf, untagged, type Dialect } from './tagged.form.js';
import { extendedNames, Form, formOf } from './value.form.js';
import { copyLeaf, leafName } from './value.leaf.js';
import type { BuiltInSerializer } from './serializer.js';

/** Ahead of MessagePack in the tagged form: the one byte that no MessagePack value begins with. */
const MARK = 0xc1;

/*
 * Without records, whose readers msgpackr compiles from the bytes: objects are MessagePack maps, and a
 * Map takes the tagged form. `msgpackr/pack` is its plain-JavaScript build, which hands stored bytes
 * to no native code. It reads a key `__proto__` as `__proto_`.
 */
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true, // else an object of 65,536 keys throws
  moreTypes: true, // Set, Uint8Array as told from Buffer, bigints of any size
  useToJSON: false,
  copyBuffers: true, // a Buffer that shared the memory of the reply would keep all of it alive
  structuredClone: false, // no references between objects, so no cycles, out of stored bytes
});

const dialect: Dialect = {
  text: (text) => text.toWellFormed(), // msgpackr makes three U+FFFD of a short lone surrogate
  primitive: (value) => value,
  leaf: (leaf) =>
    extendedNames.has(leafName(leaf)) ? copyLeaf(leaf) : taggedLeaf(leaf, (bytes) => bytes),
};

function unpack(bytes: Uint8Array, start: number): unknown {
  return packr.unpack(bytes, { start, end: bytes.length });
}

/** MessagePack: smaller than JSON, and without a second walk for all that its extensions carry. */
export const msgpackSerializer: BuiltInSerializer = {
  serialize(value) {
    if (formOf(value) !== Form.tagged) return packr.pack(value);
    const bytes = packr.pack(tagged(value, dialect), RESERVE_START_SPACE | 1);
    bytes[0] = MARK;
    return bytes;
  },
  deserialize(bytes, from = 0) {
    return bytes[from] === MARK ? untagged(unpack(bytes, from + 1)) : unpack(bytes, from);
  },
};
