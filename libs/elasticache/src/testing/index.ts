export { ElastiCacheTestingModule } from './elasticache-testing.module.js';
export { FakeClock } from './fake.clock.js';
export { FaultyRedis } from './faulty.redis.js';
