# The ROS wheels on PyPI carry their build machine's Python and NumPy include folders (/opt/python/cpXY-cpXY/...) in
# exported targets, and CMake stops on a folder that does not exist. Replace them, in this build only, by the ones found
# here. Include it after rosidl_generate_interfaces. A usual ROS installation has no such target: then nothing is done.
get_property(_wheel_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(_target IN LISTS _wheel_targets)
  get_target_property(_dirs ${_target} INTERFACE_INCLUDE_DIRECTORIES)
  if(_dirs MATCHES "/opt/python/cp")
    find_package(Python3 REQUIRED COMPONENTS Interpreter Development.Module NumPy)
    list(TRANSFORM _dirs REPLACE "^/opt/python/cp[^/]*/include/.*" "${Python3_INCLUDE_DIRS}")
    list(TRANSFORM _dirs REPLACE "^/opt/python/cp[^/]*/lib/.*/numpy/.*" "${Python3_NumPy_INCLUDE_DIRS}")
    set_target_properties(${_target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_dirs}")
  endif()
endforeach()

# With a virtual environment inside the source tree (`make`), NumPy's headers lie under it too, and CMake refuses to
# export such a path. Nobody compiles against our Python bindings from outside: keep it to the build.
set(_bindings ${PROJECT_NAME}__rosidl_generator_py)
if(TARGET ${_bindings})
  get_target_property(_dirs ${_bindings} INTERFACE_INCLUDE_DIRECTORIES)
  if(_dirs)
    list(TRANSFORM _dirs REPLACE "^(${CMAKE_SOURCE_DIR}/.*)$" "$<BUILD_INTERFACE:\\1>")
    set_target_properties(${_bindings} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_dirs}")
  endif()
endif()
