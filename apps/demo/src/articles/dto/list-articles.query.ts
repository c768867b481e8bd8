import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';

export class ListArticlesQuery {
  @ApiPropertyOptional({ default: 0, minimum: 0, maximum: 1_000_000 })
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  readonly skip: number = 0;

  @ApiPropertyOptional({ default: 20, minimum: 1, maximum: 100 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  readonly limit: number = 20;
}
