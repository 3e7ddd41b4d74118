! The hello card in Fortran, through iso_c_binding.
program hello
  use, intrinsic :: iso_c_binding
  implicit none

  integer(c_long), parameter :: leave_card = 0, scope_system = 2, share_shared = 2, t0_or_t1 = 3
  integer, parameter :: names_max = 4096, response_bytes_max = 258

  type, bind(c) :: io_request
    integer(c_long) :: protocol, length
  end type

  interface
    function establish_context(scope, first, second, context) &
        bind(c, name='SCardEstablishContext') result(code)
      import :: c_long, c_ptr
      integer(c_long), value :: scope
      type(c_ptr), value :: first, second
      integer(c_long), intent(out) :: context
      integer(c_long) :: code
    end function
    function list_readers(context, groups, names, length) &
        bind(c, name='SCardListReaders') result(code)
      import :: c_long, c_ptr, c_char
      integer(c_long), value :: context
      type(c_ptr), value :: groups
      character(kind=c_char), intent(out) :: names(*)
      integer(c_long), intent(inout) :: length
      integer(c_long) :: code
    end function
    function connect(context, reader, share, protocols, card, protocol) &
        bind(c, name='SCardConnect') result(code)
      import :: c_long, c_char
      integer(c_long), value :: context, share, protocols
      character(kind=c_char), intent(in) :: reader(*)
      integer(c_long), intent(out) :: card, protocol
      integer(c_long) :: code
    end function
    function send_command(card, pci, command, count, receive_pci, response, length) &
        bind(c, name='SCardTransmit') result(code)
      import :: c_long, c_ptr, c_int8_t, io_request
      integer(c_long), value :: card, count
      type(io_request), intent(in) :: pci
      integer(c_int8_t), intent(in) :: command(*)
      type(c_ptr), value :: receive_pci
      integer(c_int8_t), intent(out) :: response(*)
      integer(c_long), intent(inout) :: length
      integer(c_long) :: code
    end function
    function disconnect(card, disposition) bind(c, name='SCardDisconnect') result(code)
      import :: c_long
      integer(c_long), value :: card, disposition
      integer(c_long) :: code
    end function
    function release_context(context) bind(c, name='SCardReleaseContext') result(code)
      import :: c_long
      integer(c_long), value :: context
      integer(c_long) :: code
    end function
  end interface

  integer :: select_hello(15) = [0, 164, 4, 0, 10, 160, 0, 0, 0, 98, 3, 1, 12, 6, 1]
  character(kind=c_char) :: names(names_max)
  integer, allocatable :: response(:)
  integer(c_long) :: context, card, protocol, length

  call check('SCardEstablishContext', &
             establish_context(scope_system, c_null_ptr, c_null_ptr, context))
  length = names_max
  call check('SCardListReaders', list_readers(context, c_null_ptr, names, length))
  ! The first of the names, each ended by a NUL.
  call check('SCardConnect', connect(context, names, share_shared, t0_or_t1, card, protocol))
  call print_hex(transmit(select_hello))
  response = transmit([0, 0, 0, 0])
  call print_hex(response)
  print '(*(a))', achar(response(:size(response) - 2))
  call check('SCardDisconnect', disconnect(card, leave_card))
  call check('SCardReleaseContext', release_context(context))

contains

  subroutine check(name, code)
    character(*), intent(in) :: name
    integer(c_long), intent(in) :: code
    if (code /= 0) then
      print '(a, ": ", z8)', name, iand(code, int(z'FFFFFFFF', c_long))
      error stop
    end if
  end subroutine

  function transmit(command) result(bytes)
    integer, intent(in) :: command(:)
    integer, allocatable :: bytes(:)
    integer(c_int8_t) :: sent(size(command)), received(response_bytes_max)
    integer(c_long) :: count

    ! Bytes are signed here.
    sent = int(merge(command - 256, command, command > 127), c_int8_t)
    count = response_bytes_max
    call check('SCardTransmit', &
               send_command(card, io_request(protocol, 16), sent, &
                            int(size(sent), c_long), c_null_ptr, received, count))
    bytes = iand(int(received(:count)), 255)
  end function

  subroutine print_hex(bytes)
    integer, intent(in) :: bytes(:)
    print '(*(z2.2, :, " "))', bytes
  end subroutine
end program
