import { tagged, taggedLeaf, taggedPrimitive, untagged, type Dialect } from './tagged.form.js';
import { Form, formOf } from './value.form.js';
import type { BuiltInSerializer } from './serializer.js';

/** Ahead of JSON in the tagged form; no JSON text begins with it. */
const MARK = '$';
const MARK_CODE = MARK.charCodeAt(0);

const dialect: Dialect = {
  text: (text) => text,
  primitive: taggedPrimitive,
  leaf: (leaf) => taggedLeaf(leaf, (bytes) => bytes.toString('base64')),
};

/**
 * JSON, readable in redis-cli. JSON's own types are plain `JSON.stringify`, so other programs can read
 * them; anything else is written in the tagged form.
 */
export const jsonSerializer: BuiltInSerializer = {
  serialize(value) {
    return Buffer.from(
      formOf(value) === Form.json
        ? JSON.stringify(value)
        : MARK + JSON.stringify(tagged(value, dialect)),
    );
  },
  deserialize(bytes, from = 0) {
    const buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const text = buffer.toString('utf8', from);
    if (text.charCodeAt(0) !== MARK_CODE) return JSON.parse(text); // its keys are looked at with its depth
    return untagged(JSON.parse(text.slice(1), refusePrototypeKey));
  },
};

function refusePrototypeKey(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('an object has a key `__proto__`');
  return value;
}
