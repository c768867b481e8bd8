import { ApiProperty } from '@nestjs/swagger';

export class Health {
  @ApiProperty({ enum: ['ok', 'degraded', 'error'] })
  readonly status!: 'ok' | 'degraded' | 'error';

  @ApiProperty({ enum: ['up', 'down'] })
  readonly database!: 'up' | 'down';

  @ApiProperty({ enum: ['up', 'down'] })
  readonly cache!: 'up' | 'down';
}
