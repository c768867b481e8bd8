import { ApiProperty } from '@nestjs/swagger';

export class Tag {
  @ApiProperty()
  readonly name!: string;

  @ApiProperty({ description: 'How many articles bear it.' })
  readonly articles!: number;
}
