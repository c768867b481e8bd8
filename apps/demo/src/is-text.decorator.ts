import { applyDecorators } from '@nestjs/common';
import { IsString, Length, Matches } from 'class-validator';

/** Text of so many characters that PostgreSQL can store: it takes no NUL. */
export function IsText(min: number, max: number): PropertyDecorator {
  return applyDecorators(
    IsString(),
    Length(min, max),
    Matches(/^[^\0]*$/, { message: '$property must not contain NUL' }),
  );
}
