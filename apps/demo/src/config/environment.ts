import { plainToInstance } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  validateSync,
} from 'class-validator';

const IsDuration = () =>
  Matches(/^\d+(\.\d+)? *(ms|s|m|h|d)?$/, {
    message: '$property must be a duration such as 60s, 5m or 1h (a bare number is milliseconds)',
  });

/** What the demo reads from the environment; injectable, checked before anything connects. */
export class Environment {
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly PORT: number = 3000;

  /** Unset: this process's memory is the cache. */
  @IsOptional()
  @Matches(/^rediss?:\/\/./, { message: 'REDIS_URL must look like redis://host:6379' })
  readonly REDIS_URL?: string;

  /** Unset: PGlite, PostgreSQL inside this process. */
  @IsOptional()
  @Matches(/^postgres(ql)?:\/\/./, {
    message: 'DATABASE_URL must look like postgres://user@host:5432/database',
  })
  readonly DATABASE_URL?: string;

  /** The folder PGlite keeps its data in. Unset: memory. */
  @IsOptional()
  @IsString()
  readonly PGLITE_DIR?: string;

  @IsInt()
  @Min(1)
  @Max(1_000_000)
  readonly SEED_ARTICLES: number = 10_000;

  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly SEED_USERS: number = 500;

  /** `off`: every call asks the database, as if nothing were annotated. */
  @IsIn(['on', 'off'])
  readonly CACHE: string = 'on';

  @IsDuration()
  readonly CACHE_TTL_ARTICLES_LIST: string = '60s';

  @IsDuration()
  readonly CACHE_TTL_ARTICLE: string = '300s';

  @IsDuration()
  readonly CACHE_TTL_USER: string = '600s';

  @IsDuration()
  readonly CACHE_TTL_TAGS: string = '300s';

  /** What a request waits for Redis at most. */
  @IsDuration()
  readonly CACHE_TIMEOUTS_STORE: string = '250ms';
}

/** Something the one who starts the demo can put right; the message says how. */
export class EnvironmentError extends Error {}

/** Throws one error naming every variable at fault, and none of their values: a URL may hold a password. */
export function readEnvironment(source: NodeJS.ProcessEnv): Environment {
  // Docker Compose passes a variable that was left out as an empty one.
  const given = Object.entries(source).filter(([, value]) => value !== '');
  const environment = plainToInstance(Environment, Object.fromEntries(given), {
    enableImplicitConversion: true,
    exposeDefaultValues: true,
  });
  const faults = validateSync(environment).flatMap((fault) => Object.values(fault.constraints!));
  if (faults.length > 0) {
    throw new EnvironmentError(`The environment is not valid:\n  ${faults.join('\n  ')}`);
  }
  return environment;
}
