export { ElastiCacheTestingModule } from './elasticache-testing.module.js';
export { FakeClock } from './fake.clock.js';
