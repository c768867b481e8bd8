/** The rights that docs/reference/permissions.md asks for, as it gives them. */
import { readFileSync } from 'node:fs';

const PAGE = 'docs/reference/permissions.md';

/** ACL rules for a namespace; on a cluster with those that finding its nodes takes. */
export function documentedRights({ namespace = 'shop', isCluster = false } = {}): string[] {
  const page = readFileSync(PAGE, 'utf8');
  const rules = /```text\n([^]*?)```/.exec(page)![1]!.replaceAll('shop:', `${namespace}:`);
  const ofClusters = isCluster ? /On a cluster also `(.*?)`/.exec(page)![1]! : '';
  return `${rules} ${ofClusters}`.trim().split(/\s+/);
}
