export { elastiCache } from './elasticache.connection.js';
export { elastiCacheFromEnv } from './elasticache.environment.js';
export type { ElastiCacheOptions, ElastiCacheUser } from './elasticache.connection.js';
export type { Topology } from './endpoint.js';
export { iam } from './iam.js';
export type { IamAuth, IamOptions } from './iam.js';
export type { AwsCredentials } from './iam.token.js';
