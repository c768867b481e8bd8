import type { RedisClient } from './redis.client.js';

interface Node {
  asking(): Promise<unknown>;
}

/** Those of its nodes that it has, and those to come. */
interface Nodes {
  nodes(role: 'all'): Node[];
  on(event: '+node', listener: (node: Node) => void): unknown;
}

/**
 * While a slot is on its way, ioredis sends ASKING before a command, and leaves its promise alone:
 * refused, or lost with its connection, it would end the process. The command itself tells what is wrong.
 */
export function mindAsking(cluster: RedisClient): void {
  const nodes = cluster as unknown as Nodes;
  const mind = (node: Node) => {
    const { asking } = node;
    node.asking = () => asking.call(node).catch(() => undefined);
  };
  for (const node of nodes.nodes('all')) mind(node);
  nodes.on('+node', mind);
}
